"""Keep why triage decided as it did."""

from __future__ import annotations

revision = "202611221500"
down_revision = "202611221135"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
