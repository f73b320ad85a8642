"""Keep what became of drafts."""

from __future__ import annotations

revision = "202611221510"
down_revision = "202611221505"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
