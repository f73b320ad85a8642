"""Keep evaluations."""

from __future__ import annotations

revision = "202611221535"
down_revision = "202611221530"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
