"""Let users choose how they are told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import open_to_workers, protect

revision = "202611221055"
down_revision = "202611221050"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_preferences()
    _create_paces()
    _create_deliveries()
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"])
    protect("notification_preferences", "mail_paces", "notification_deliveries")
    # For the clean-up.
    open_to_workers("notifications", "notification_deliveries", verbs="SELECT, DELETE")


def _of_user(table: str) -> list[sa.SchemaItem]:
    return [
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f(f"fk_{table}_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id_users"), ondelete="CASCADE"),
    ]


def _create_preferences() -> None:
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("timings", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("quiet_hours", _JSON, server_default=sa.text("'[]'"), nullable=False),
        sa.Column("urgent_in_quiet_hours", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("digest_minutes", sa.Integer(), server_default=sa.text("10"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("updated_at", _TIME, server_default=sa.text("now()"), nullable=False),
        *_of_user("notification_preferences"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notification_preferences")),
    )


def _create_paces() -> None:
    op.create_table(
        "mail_paces",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("collecting_until", _TIME, nullable=True),
        sa.Column("digest_at", _TIME, nullable=True),
        *_of_user("mail_paces"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_mail_paces")),
    )


def _create_deliveries() -> None:
    op.create_table(
        "notification_deliveries",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("data", _JSON, server_default=sa.text("'{}'"), nullable=False),
        sa.Column("told_as", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("send_after", _TIME, nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("digest_id", sa.Uuid(), nullable=True),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("channel IN ('in_app', 'email')", name=op.f("ck_notification_deliveries_channel")),
        sa.CheckConstraint(
            "state IN ('pending', 'queued', 'sent', 'suppressed', 'failed')",
            name=op.f("ck_notification_deliveries_state"),
        ),
        *_of_user("notification_deliveries"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_notification_deliveries_ticket_id_tickets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_deliveries")),
        sa.UniqueConstraint(
            "organization_id",
            "user_id",
            "channel",
            "dedupe_key",
            name=op.f("uq_notification_deliveries_organization_id_user_id_channel_dedupe_key"),
        ),
    )
    _index_deliveries()


def _index_deliveries() -> None:
    table = "notification_deliveries"
    op.create_index("ix_notification_deliveries_user_id", table, ["user_id", "id"])
    op.create_index(
        "ix_notification_deliveries_pending", table, ["user_id"], postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index(
        "ix_notification_deliveries_job_id", table, ["job_id"], postgresql_where=sa.text("job_id IS NOT NULL")
    )
    op.create_index("ix_notification_deliveries_ticket_id", table, ["ticket_id"])
    op.create_index("ix_notification_deliveries_created_at", table, ["created_at"])


def downgrade() -> None:
    op.execute("DROP POLICY workers ON notifications")
    op.execute("REVOKE SELECT, DELETE ON notifications FROM atum_worker")
    op.drop_index("ix_notifications_created_at", table_name="notifications")
    op.drop_table("notification_deliveries")
    op.drop_table("mail_paces")
    op.drop_table("notification_preferences")
