"""Keep what triage learnt and how it was judged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import protect

revision = "202611221505"
down_revision = "202611221500"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_TABLES = ("drift_reports", "triage_gate_changes", "triage_gates")


def upgrade() -> None:
    _follow_models()
    _follow_feedback()
    _create_gates()
    _create_gate_changes()
    _create_drift_reports()
    protect(*_TABLES)


def _follow_models() -> None:
    op.add_column("ml_models", sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.add_column("ml_models", _moment("state_since", server_default=sa.text("now()")))
    op.add_column("ml_models", _moment("claimed_at", nullable=True))
    op.add_column("ml_models", _moment("rolled_back_at", nullable=True))
    op.execute("UPDATE ml_models SET state_since = created_at")
    # Whoever was training one begins again.
    op.execute("DELETE FROM ml_models WHERE state = 'challenger' AND weights = ''")
    op.create_index(
        "uq_ml_models_claim",
        "ml_models",
        ["organization_id", "kind"],
        unique=True,
        postgresql_where=sa.text("claimed_at IS NOT NULL"),
    )


def _follow_feedback() -> None:
    op.add_column("triage_feedback", sa.Column("origin", sa.Text(), server_default="verdict", nullable=False))
    op.add_column("triage_feedback", sa.Column("value_before", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("ck_triage_feedback_origin"), "triage_feedback", "origin IN ('verdict', 'edit')")
    # The last word on a prediction is the one that counts.
    op.execute("""
        DELETE FROM triage_feedback AS earlier USING triage_feedback AS later
         WHERE later.prediction_id = earlier.prediction_id
           AND (later.created_at, later.id) > (earlier.created_at, earlier.id)
    """)
    op.create_index(
        "uq_triage_feedback_prediction_id",
        "triage_feedback",
        ["prediction_id"],
        unique=True,
        postgresql_where=sa.text("prediction_id IS NOT NULL"),
    )
    op.create_index("ix_triage_feedback_organization_id", "triage_feedback", ["organization_id", "created_at"])


def _create_gates() -> None:
    op.create_table(
        "triage_gates",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        *_standing(),
        _moment("counted_from", nullable=True),
        _moment("changed_at"),
        _moment("reviewed_at"),
        _of_organization("triage_gates"),
        _states("triage_gates"),
        sa.PrimaryKeyConstraint("organization_id", "field", "value", name=op.f("pk_triage_gates")),
    )


def _create_gate_changes() -> None:
    op.create_table(
        "triage_gate_changes",
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        *_standing(),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        *_of_tenant(),
        _of_organization("triage_gate_changes"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_triage_gate_changes_user_id_users"), ondelete="SET NULL"
        ),
        _states("triage_gate_changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triage_gate_changes")),
    )
    op.create_index("ix_triage_gate_changes_organization_id", "triage_gate_changes", ["organization_id", "created_at"])


def _create_drift_reports() -> None:
    op.create_table(
        "drift_reports",
        _moment("since"),
        _moment("until"),
        _moment("reference_since"),
        sa.Column("alarm", sa.Boolean(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("fields", _JSON, nullable=False),
        *_of_tenant(),
        _of_organization("drift_reports"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_reports")),
        sa.UniqueConstraint("organization_id", "until", name=op.f("uq_drift_reports_organization_id_until")),
    )


def _moment(name: str, *, nullable: bool = False, server_default: sa.TextClause | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=server_default)


def _standing() -> list[sa.Column[object]]:
    return [
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("judged", sa.Double(), nullable=False),
        sa.Column("correct", sa.Double(), nullable=False),
        sa.Column("floor", sa.Double(), nullable=True),
    ]


def _of_tenant() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        _moment("created_at", server_default=sa.text("now()")),
    ]


def _of_organization(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id"],
        ["organizations.id"],
        name=op.f(f"fk_{table}_organization_id_organizations"),
        ondelete="CASCADE",
    )


def _states(table: str) -> sa.CheckConstraint:
    return sa.CheckConstraint("state IN ('open', 'fallen_back')", name=op.f(f"ck_{table}_state"))


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    op.drop_index("ix_triage_feedback_organization_id", table_name="triage_feedback")
    op.drop_index("uq_triage_feedback_prediction_id", table_name="triage_feedback")
    # The older version knows only of verdicts.
    op.execute("DELETE FROM triage_feedback WHERE origin = 'edit'")
    op.drop_constraint(op.f("ck_triage_feedback_origin"), "triage_feedback", type_="check")
    op.drop_column("triage_feedback", "value_before")
    op.drop_column("triage_feedback", "origin")
    op.drop_index("uq_ml_models_claim", table_name="ml_models")
    op.execute("DELETE FROM ml_models WHERE claimed_at IS NOT NULL")
    for column in ("rolled_back_at", "claimed_at", "state_since", "reason"):
        op.drop_column("ml_models", column)
