"""Keep each clock's newest prediction beside it, and find clocks by risk and by when they were decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "202611221065"
down_revision = "202611221060"
branch_labels = None
depends_on = None

_KEEPABLE = "state = 'running' AND NOT breached"

# Name, columns and rows of each new index on the clocks.
_INDEXES = (
    ("ix_sla_clocks_breached_at", ["organization_id", "breached_at", "id"], "breached"),
    ("ix_sla_clocks_ended", ["organization_id", "stopped_at"], "outcome IN ('met', 'breached')"),
    (
        "ix_sla_clocks_breach_probability",
        ["organization_id", "breach_probability", "id"],
        f"{_KEEPABLE} AND breach_probability IS NOT NULL",
    ),
    ("ix_sla_clocks_predict_again_at", ["organization_id", "predict_again_at"], _KEEPABLE),
)


def upgrade() -> None:
    op.add_column("sla_clocks", sa.Column("breach_probability", sa.Double(), nullable=True))
    op.add_column("sla_clocks", sa.Column("predicted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "sla_clocks",
        sa.Column("predict_again_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.drop_index("ix_breach_predictions_clock_id", table_name="breach_predictions")
    op.create_index("ix_breach_predictions_clock_id", "breach_predictions", ["clock_id", "as_of"])
    for name, columns, rows in _INDEXES:
        op.create_index(name, "sla_clocks", columns, postgresql_where=sa.text(rows))


def downgrade() -> None:
    for name, _columns, _rows in reversed(_INDEXES):
        op.drop_index(name, table_name="sla_clocks")
    op.drop_index("ix_breach_predictions_clock_id", table_name="breach_predictions")
    op.create_index("ix_breach_predictions_clock_id", "breach_predictions", ["clock_id", "created_at"])
    for column in ("predict_again_at", "predicted_at", "breach_probability"):
        op.drop_column("sla_clocks", column)
