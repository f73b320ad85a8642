"""Keep figures by slice, and what customers thought."""

from __future__ import annotations

revision = "202611221520"
down_revision = "202611221515"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
