"""Keep questions that agents asked and how they were answered."""

from __future__ import annotations

revision = "202611221130"
down_revision = "202611221125"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
