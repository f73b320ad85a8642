"""Write webhooks for chat rooms, and order notifications for live reading."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "202611221060"
down_revision = "202611221055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook_endpoints", sa.Column("format", sa.Text(), server_default="atum", nullable=False))
    op.create_check_constraint(
        op.f("ck_webhook_endpoints_format"), "webhook_endpoints", "format IN ('atum', 'slack', 'teams')"
    )
    op.add_column("webhook_endpoints", sa.Column("team_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_webhook_endpoints_team_id_teams"),
        "webhook_endpoints",
        "teams",
        ["team_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_index(op.f("ix_webhook_endpoints_team_id"), "webhook_endpoints", ["team_id"])
    _order_notifications()


def _order_notifications() -> None:
    op.add_column("notifications", sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.add_column(
        "notifications",
        sa.Column(
            "transaction_id",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text::bigint)"),
            nullable=False,
        ),
    )
    op.create_index("ix_notifications_stream", "notifications", ["user_id", "transaction_id", "seq"])


def downgrade() -> None:
    op.drop_index("ix_notifications_stream", table_name="notifications")
    op.drop_column("notifications", "transaction_id")
    op.drop_column("notifications", "seq")
    op.drop_index(op.f("ix_webhook_endpoints_team_id"), table_name="webhook_endpoints")
    op.drop_column("webhook_endpoints", "team_id")
    op.drop_column("webhook_endpoints", "format")
