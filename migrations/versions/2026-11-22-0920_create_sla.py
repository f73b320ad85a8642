"""Create sla."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import open_to_workers, protect

revision = "202611220920"
down_revision = "202611220915"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sla_calendars",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("current_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_sla_calendars_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_calendars")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_sla_calendars_organization_id_name")),
    )
    op.create_table(
        "sla_policies",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "conditions", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("current_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_sla_policies_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_policies")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_sla_policies_organization_id_name")),
    )
    op.create_index(
        "uq_sla_policies_default",
        "sla_policies",
        ["organization_id"],
        unique=True,
        postgresql_where=sa.text("is_default AND active"),
    )
    op.create_table(
        "sla_calendar_versions",
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("always_open", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("weekly", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "exceptions", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("epoch_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["sla_calendars.id"],
            name=op.f("fk_sla_calendar_versions_calendar_id_sla_calendars"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_sla_calendar_versions_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_calendar_versions")),
        sa.UniqueConstraint("calendar_id", "number", name=op.f("uq_sla_calendar_versions_calendar_id_number")),
    )
    op.create_table(
        "sla_policy_versions",
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.Column("targets", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pause_on", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("thresholds", sa.ARRAY(sa.Integer()), server_default=sa.text("'{75,90,100}'"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["sla_calendars.id"], name=op.f("fk_sla_policy_versions_calendar_id_sla_calendars")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_sla_policy_versions_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["policy_id"],
            ["sla_policies.id"],
            name=op.f("fk_sla_policy_versions_policy_id_sla_policies"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_policy_versions")),
        sa.UniqueConstraint("policy_id", "number", name=op.f("uq_sla_policy_versions_policy_id_number")),
    )
    op.create_table(
        "sla_calendar_now",
        sa.Column("calendar_version_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("open_s", sa.BigInteger(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_version_id"],
            ["sla_calendar_versions.id"],
            name=op.f("fk_sla_calendar_now_calendar_version_id_sla_calendar_versions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_sla_calendar_now_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("calendar_version_id", name=op.f("pk_sla_calendar_now")),
    )
    op.create_table(
        "sla_clocks",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("instance", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("policy_version_id", sa.Uuid(), nullable=True),
        sa.Column("calendar_version_id", sa.Uuid(), nullable=True),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("target_s", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("breached", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warn_75_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warn_90_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("next_threshold_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_level", sa.Integer(), nullable=True),
        sa.Column("level", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("target_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("due_open_s", sa.BigInteger(), nullable=True),
        sa.Column("elapsed_s", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("remaining_s", sa.BigInteger(), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('running', 'paused', 'stopped', 'cancelled')", name=op.f("ck_sla_clocks_state")),
        sa.ForeignKeyConstraint(
            ["calendar_version_id"],
            ["sla_calendar_versions.id"],
            name=op.f("fk_sla_clocks_calendar_version_id_sla_calendar_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_sla_clocks_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["policy_version_id"],
            ["sla_policy_versions.id"],
            name=op.f("fk_sla_clocks_policy_version_id_sla_policy_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_sla_clocks_ticket_id_tickets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_clocks")),
        sa.UniqueConstraint("ticket_id", "metric", "instance", name=op.f("uq_sla_clocks_ticket_id_metric_instance")),
    )
    op.create_index(
        "ix_sla_clocks_next_threshold_at",
        "sla_clocks",
        ["next_threshold_at"],
        unique=False,
        postgresql_where=sa.text("next_threshold_at IS NOT NULL"),
    )
    op.create_index(
        "ix_sla_clocks_organization_id_state", "sla_clocks", ["organization_id", "state", "due_at"], unique=False
    )
    op.create_table(
        "sla_events",
        sa.Column("clock_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("target_version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["clock_id"], ["sla_clocks.id"], name=op.f("fk_sla_events_clock_id_sla_clocks"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_sla_events_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_sla_events_ticket_id_tickets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sla_events")),
    )
    op.create_index("ix_sla_events_ticket_id", "sla_events", ["ticket_id", "at"], unique=False)
    op.create_index(
        "uq_sla_events_threshold",
        "sla_events",
        ["clock_id", "target_version", "level"],
        unique=True,
        postgresql_where=sa.text("kind = 'threshold'"),
    )
    protect(
        "sla_calendars",
        "sla_calendar_versions",
        "sla_policies",
        "sla_policy_versions",
        "sla_clocks",
        "sla_calendar_now",
        "sla_events",
    )
    open_to_workers("sla_clocks", verbs="SELECT")


def downgrade() -> None:
    op.drop_index("uq_sla_events_threshold", table_name="sla_events", postgresql_where=sa.text("kind = 'threshold'"))
    op.drop_index("ix_sla_events_ticket_id", table_name="sla_events")
    op.drop_table("sla_events")
    op.drop_index("ix_sla_clocks_organization_id_state", table_name="sla_clocks")
    op.drop_index(
        "ix_sla_clocks_next_threshold_at",
        table_name="sla_clocks",
        postgresql_where=sa.text("next_threshold_at IS NOT NULL"),
    )
    op.drop_table("sla_clocks")
    op.drop_table("sla_calendar_now")
    op.drop_table("sla_policy_versions")
    op.drop_table("sla_calendar_versions")
    op.drop_index(
        "uq_sla_policies_default", table_name="sla_policies", postgresql_where=sa.text("is_default AND active")
    )
    op.drop_table("sla_policies")
    op.drop_table("sla_calendars")
