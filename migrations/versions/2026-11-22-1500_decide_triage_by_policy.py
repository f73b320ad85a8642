"""Keep why triage decided as it did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import protect

revision = "202611221500"
down_revision = "202611221135"
branch_labels = None
depends_on = None

_TABLE = "triage_predictions"
_CHECKS = {"stage": "'rules', 'classifier', 'model'", "mode": "'off', 'suggest', 'auto'"}


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("stage", sa.Text(), server_default="classifier", nullable=False))
    op.add_column(_TABLE, sa.Column("threshold", sa.Double(), nullable=True))
    op.add_column(_TABLE, sa.Column("mode", sa.Text(), server_default="auto", nullable=False))
    op.add_column(_TABLE, sa.Column("needs_human", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column(
        _TABLE, sa.Column("conformal_set", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column(_TABLE, sa.Column("familiar", sa.Double(), nullable=True))
    op.add_column(_TABLE, sa.Column("chances", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column(_TABLE, sa.Column("offered", sa.ARRAY(sa.Text()), nullable=True))
    op.add_column(_TABLE, sa.Column("vote", sa.Text(), nullable=True))
    op.add_column(
        _TABLE, sa.Column("injection_suspected", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    # What is there already says in `source` who had a say.
    op.execute(
        f"UPDATE {_TABLE} SET stage = CASE WHEN source LIKE '%model%' THEN 'model'"  # noqa: S608 -- a name of ours
        " WHEN source = 'rules' THEN 'rules' ELSE 'classifier' END"
    )
    for column, values in _CHECKS.items():
        op.create_check_constraint(op.f(f"ck_{_TABLE}_{column}"), _TABLE, f"{column} IN ({values})")
    _decide("'auto', 'suggest', 'none', 'unknown'")
    op.create_index("ix_triage_predictions_ticket_id", _TABLE, ["ticket_id", "created_at"])
    _create_versions()


def _create_versions() -> None:
    op.create_table(
        "ai_policy_versions",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("policy", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["made_by"], ["users.id"], name=op.f("fk_ai_policy_versions_made_by_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_ai_policy_versions_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ai_policy_versions")),
        sa.UniqueConstraint("organization_id", "number", name=op.f("uq_ai_policy_versions_organization_id_number")),
    )
    protect("ai_policy_versions")


def downgrade() -> None:
    op.drop_table("ai_policy_versions")
    op.drop_index("ix_triage_predictions_ticket_id", table_name=_TABLE)
    # The older version knows no `unknown`: it said nothing then.
    op.execute(f"UPDATE {_TABLE} SET decision = 'none' WHERE decision = 'unknown'")  # noqa: S608 -- a name of ours
    _decide("'auto', 'suggest', 'none'")
    for column in _CHECKS:
        op.drop_constraint(op.f(f"ck_{_TABLE}_{column}"), _TABLE, type_="check")
    for column in (
        "injection_suspected",
        "vote",
        "offered",
        "chances",
        "familiar",
        "conformal_set",
        "needs_human",
        "mode",
        "threshold",
        "stage",
    ):
        op.drop_column(_TABLE, column)


def _decide(decisions: str) -> None:
    op.drop_constraint(op.f(f"ck_{_TABLE}_decision"), _TABLE, type_="check")
    op.create_check_constraint(op.f(f"ck_{_TABLE}_decision"), _TABLE, f"decision IN ({decisions})")
