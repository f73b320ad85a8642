"""Keep what a calendar was made of: holidays, who and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "202611221035"
down_revision = "202611221030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sla_calendar_versions",
        sa.Column("holidays", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column("sla_calendar_versions", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("sla_calendar_versions", sa.Column("created_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_sla_calendar_versions_created_by_users"),
        "sla_calendar_versions",
        "users",
        ["created_by"],
        ["id"],
        ondelete="SET NULL",
    )
    # Clocks are explained by the version they ran under, so that nobody may rewrite one or drop one alone.
    op.execute("REVOKE UPDATE, DELETE ON sla_calendar_versions FROM atum_app")


def downgrade() -> None:
    op.execute("GRANT UPDATE, DELETE ON sla_calendar_versions TO atum_app")
    op.drop_column("sla_calendar_versions", "created_by")
    op.drop_column("sla_calendar_versions", "note")
    op.drop_column("sla_calendar_versions", "holidays")
