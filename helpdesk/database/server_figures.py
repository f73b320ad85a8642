"""The state of the server as its own statistics tell it: the tables that change most, and its standbys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helpdesk.database.budget import Fetches

# Those whose rows are rewritten again and again, and those that grow with the work.
WATCHED = (
    "ai_runs",
    "job_queue",
    "messages",
    "notification_deliveries",
    "rag_chunks",
    "rag_index_queue",
    "sla_clocks",
    "tickets",
    "workers",
)

_TABLES = """
    SELECT relname AS name, n_live_tup AS live_rows, n_dead_tup AS dead_rows, pg_total_relation_size(relid) AS bytes
      FROM pg_stat_user_tables WHERE schemaname = 'public' AND relname = ANY ($1::text[])
"""
# A standby that has shown all there is has no lag to tell of.
_STANDBYS = """
    SELECT count(*) AS standbys, coalesce(max(extract(epoch FROM replay_lag)), 0)::float8 AS lag_s
      FROM pg_stat_replication WHERE state = 'streaming'
"""


@dataclass(frozen=True)
class TableFigures:
    """How large a table is; rows are estimates, bytes count its indexes."""

    name: str
    live_rows: int
    dead_rows: int
    bytes: int


@dataclass(frozen=True)
class Standbys:
    """How many standbys stream from this server, and how many seconds the slowest is behind."""

    standbys: int
    lag_s: float


async def table_figures(connection: Fetches, tables: Sequence[str] = WATCHED) -> list[TableFigures]:
    """Look at tables; one that is not there is left out."""
    return [TableFigures(**dict(row)) for row in await connection.fetch(_TABLES, list(tables))]


async def standbys(connection: Fetches) -> Standbys:
    """Look at the standbys, as a role that may see other sessions."""
    return Standbys(**dict((await connection.fetch(_STANDBYS))[0]))
