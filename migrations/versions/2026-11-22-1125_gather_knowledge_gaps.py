"""Keep feedback on suggestions and what the knowledge base lacks."""

from __future__ import annotations

revision = "202611221125"
down_revision = "202611221120"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
