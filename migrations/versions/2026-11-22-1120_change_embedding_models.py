"""Let embedding models be changed while searches go on."""

from __future__ import annotations

revision = "202611221120"
down_revision = "202611221115"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
