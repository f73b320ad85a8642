"""Keep what organisations used of the models."""

from __future__ import annotations

revision = "202611221530"
down_revision = "202611221525"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
