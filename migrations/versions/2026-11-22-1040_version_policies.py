"""Give policies conditions by version, validity and actions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "202611221040"
down_revision = "202611221035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("conditions", "actions"):
        op.add_column("sla_policy_versions", _document(column))
    for column in ("valid_from", "valid_until"):
        op.add_column("sla_policy_versions", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.add_column("sla_policy_versions", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("sla_policy_versions", sa.Column("created_by", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_sla_policy_versions_created_by_users"),
        "sla_policy_versions",
        "users",
        ["created_by"],
        ["id"],
        ondelete="SET NULL",
    )
    op.execute("""
        UPDATE sla_policy_versions AS version SET conditions = policy.conditions
          FROM sla_policies AS policy WHERE policy.id = version.policy_id
    """)
    op.drop_column("sla_policies", "conditions")
    # Clocks are explained by the version they ran under, so that nobody may rewrite one.
    op.execute("REVOKE UPDATE ON sla_policy_versions FROM atum_app")
    open_ones = sa.text("status NOT IN ('solved', 'closed')")
    op.create_index("ix_tickets_open", "tickets", ["organization_id", "id"], postgresql_where=open_ones)


def downgrade() -> None:
    op.drop_index("ix_tickets_open", table_name="tickets")
    op.execute("GRANT UPDATE ON sla_policy_versions TO atum_app")
    op.add_column("sla_policies", _document("conditions"))
    op.execute("""
        UPDATE sla_policies AS policy SET conditions = version.conditions
          FROM sla_policy_versions AS version
         WHERE version.policy_id = policy.id AND version.number = policy.current_version
    """)
    for column in ("created_by", "note", "valid_until", "valid_from", "actions", "conditions"):
        op.drop_column("sla_policy_versions", column)


def _document(name: str) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False)
