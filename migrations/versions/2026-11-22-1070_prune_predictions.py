"""Let the clean-up remove old predictions."""

from __future__ import annotations

from alembic import op

from migrations.row_security import open_to_workers

revision = "202611221070"
down_revision = "202611221065"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_breach_predictions_as_of", "breach_predictions", ["as_of"])
    open_to_workers("breach_predictions", verbs="SELECT, DELETE")


def downgrade() -> None:
    op.execute("DROP POLICY workers ON breach_predictions")
    op.execute("REVOKE SELECT, DELETE ON breach_predictions FROM atum_worker")
    op.drop_index("ix_breach_predictions_as_of", table_name="breach_predictions")
