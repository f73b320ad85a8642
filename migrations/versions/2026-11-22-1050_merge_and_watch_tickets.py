"""Merge and watch tickets, and let somebody lead a team."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.row_security import protect

revision = "202611221050"
down_revision = "202611221045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("teams", sa.Column("lead_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_teams_lead_id_users"), "teams", "users", ["lead_id"], ["id"], ondelete="SET NULL")
    op.add_column("tickets", sa.Column("merged_into_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_tickets_merged_into_id_tickets"), "tickets", "tickets", ["merged_into_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(op.f("ix_tickets_merged_into_id"), "tickets", ["merged_into_id"])
    _create_watchers()
    protect("ticket_watchers")


def _create_watchers() -> None:
    op.create_table(
        "ticket_watchers",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_ticket_watchers_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_watchers_ticket_id_tickets"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_ticket_watchers_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("ticket_id", "user_id", name=op.f("pk_ticket_watchers")),
    )
    op.create_index(op.f("ix_ticket_watchers_user_id"), "ticket_watchers", ["user_id"])


def downgrade() -> None:
    op.drop_table("ticket_watchers")
    op.drop_column("tickets", "merged_into_id")
    op.drop_column("teams", "lead_id")
