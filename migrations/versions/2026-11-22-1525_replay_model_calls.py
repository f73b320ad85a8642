"""Keep all that a model call needs to be made again."""

from __future__ import annotations

revision = "202611221525"
down_revision = "202611221520"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
