"""Remember which request asked for a job, so that the journal can be read from one to the other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "202611221800"
down_revision = "202611221530"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_queue", sa.Column("request_id", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("job_queue", "request_id")
