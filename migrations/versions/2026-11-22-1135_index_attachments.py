"""Let the index hold attachments and texts for customers only."""

from __future__ import annotations

revision = "202611221135"
down_revision = "202611221130"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
