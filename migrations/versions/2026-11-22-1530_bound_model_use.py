"""Sum up what organisations use of the text model without reading their runs, and see who waits for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "202611221530"
down_revision = "202611221525"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_ai_runs_use",
        "ai_runs",
        ["organization_id", "created_at"],
        postgresql_include=["prompt_tokens", "output_tokens", "total_ms"],
        postgresql_where=sa.text("kind <> 'embed'"),
    )
    op.create_table(
        "model_callers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("process", sa.Uuid(), nullable=False),
        sa.Column("waits_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_callers")),
    )
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON model_callers TO atum_worker")


def downgrade() -> None:
    op.drop_table("model_callers")
    op.drop_index("ix_ai_runs_use", table_name="ai_runs")
