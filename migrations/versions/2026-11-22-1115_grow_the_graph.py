"""Keep edges between alike tickets."""

from __future__ import annotations

revision = "202611221115"
down_revision = "202611221110"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
