"""Keep all that a model call needs to be made again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.row_security import open_to_workers

revision = "202611221525"
down_revision = "202611221520"
branch_labels = None
depends_on = None

_TABLE = "ai_runs"
_COLUMNS = ("system_text", "input_raw", "exact", "answer_schema", "seed", "unsafe", "replay_of")


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("system_text", sa.Text(), nullable=True))
    op.add_column(_TABLE, sa.Column("input_raw", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column(_TABLE, sa.Column("exact", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column(_TABLE, sa.Column("answer_schema", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column(_TABLE, sa.Column("seed", sa.BigInteger(), nullable=True))
    op.add_column(_TABLE, sa.Column("unsafe", sa.Text(), nullable=True))
    op.add_column(_TABLE, sa.Column("replay_of", sa.Uuid(), nullable=True))
    # Old runs of every organisation are removed by one job.
    open_to_workers(_TABLE, verbs="SELECT, DELETE")


def downgrade() -> None:
    op.execute(f"DROP POLICY workers ON {_TABLE}")
    op.execute(f"REVOKE SELECT, DELETE ON {_TABLE} FROM atum_worker")
    for column in reversed(_COLUMNS):
        op.drop_column(_TABLE, column)
