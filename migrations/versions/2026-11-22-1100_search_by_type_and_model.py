"""Search by kind of source and by model, and keep graph indexes of large ones."""

from __future__ import annotations

revision = "202611221100"
down_revision = "202611221070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
