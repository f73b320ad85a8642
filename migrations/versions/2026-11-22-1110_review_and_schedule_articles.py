"""Let articles be reviewed, scheduled and imported."""

from __future__ import annotations

revision = "202611221110"
down_revision = "202611221105"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
