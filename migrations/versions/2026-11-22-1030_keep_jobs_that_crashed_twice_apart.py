"""Keep jobs that crashed twice apart from the ordinary claim: each runs alone, with its last try."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "202611221030"
down_revision = "202611221025"
branch_labels = None
depends_on = None

_BEFORE = "status = 'pending' AND limit_key IS NULL"
_AFTER = "status = 'pending' AND limit_key IS NULL AND crash_count < 2"
_ALONE = "status = 'pending' AND crash_count >= 2"
_DEFINITIONS = "SELECT indexdef FROM pg_indexes WHERE tablename = 'job_queue' AND indexdef LIKE '%claimable%'"


def upgrade() -> None:
    _redefine(_AFTER)
    op.create_index("ix_job_queue_last_chance", "job_queue", ["run_after", "id"], postgresql_where=sa.text(_ALONE))


def downgrade() -> None:
    op.drop_index("ix_job_queue_last_chance", table_name="job_queue")
    _redefine(_BEFORE)


def _redefine(expression: str) -> None:
    """Replace the column, since PostgreSQL changes a generated one in place only from version 17 on."""
    definitions = op.get_bind().execute(sa.text(_DEFINITIONS)).scalars().all()
    # Its indexes go with it.
    op.drop_column("job_queue", "claimable")
    op.add_column(
        "job_queue",
        sa.Column("claimable", sa.Boolean(), sa.Computed(expression, persisted=True), nullable=False),
    )
    for definition in definitions:
        op.execute(definition)
