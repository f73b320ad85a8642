"""Keep which model foretold a breach, and when the clock was expected to end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "202611221515"
down_revision = "202611221510"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("breach_predictions", sa.Column("model_version", sa.Integer(), nullable=True))
    for name in ("ends_from", "ends_until"):
        op.add_column("breach_predictions", sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for name in ("ends_until", "ends_from", "model_version"):
        op.drop_column("breach_predictions", name)
