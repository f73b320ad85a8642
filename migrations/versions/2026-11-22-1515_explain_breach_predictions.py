"""Keep which model foretold a breach."""

from __future__ import annotations

revision = "202611221515"
down_revision = "202611221510"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
