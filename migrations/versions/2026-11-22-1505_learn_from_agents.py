"""Keep what triage learnt and how it was judged."""

from __future__ import annotations

revision = "202611221505"
down_revision = "202611221500"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
