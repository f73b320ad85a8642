"""Keep judgements of searches and what was fitted to them."""

from __future__ import annotations

revision = "202611221105"
down_revision = "202611221100"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
