"""Indexes on tables that are in use, made without locking anybody out."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

_INVALID = "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"


def create_index_concurrently(name: str, on: str, *, unique: bool = False) -> None:
    """Create an index while the table is read and written; nothing else may be in the migration.

    It can be run again: what an attempt that was cut off left behind is made anew. Not for partitioned tables.

    Args:
        name: of the index.
        on: the table and what of it, as SQL: `tickets (organization_id, mood) WHERE mood IS NOT NULL`.
        unique: no two rows may have the same.
    """
    kind = "UNIQUE INDEX" if unique else "INDEX"
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        # It waits for transactions that are open, but nobody waits for it.
        usual = connection.scalar(text("SHOW lock_timeout"))
        connection.execute(text("SET lock_timeout = 0"))
        try:
            if connection.scalar(text(_INVALID), {"name": name}):
                connection.execute(text(f"DROP INDEX CONCURRENTLY {name}"))
            connection.exec_driver_sql(f"CREATE {kind} CONCURRENTLY IF NOT EXISTS {name} ON {on}")
        finally:
            connection.execute(text(f"SET lock_timeout = '{usual}'"))
