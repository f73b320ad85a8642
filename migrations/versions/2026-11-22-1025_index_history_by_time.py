"""Index history by time."""

from __future__ import annotations

from alembic import op

revision = "202611221025"
down_revision = "202611221020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_job_events_created_at",
        "job_events",
        ["created_at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )


def downgrade() -> None:
    op.drop_index("ix_job_events_created_at", table_name="job_events", postgresql_using="brin")
