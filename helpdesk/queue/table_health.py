"""How the queue's table is: dead rows, and what keeps them from being cleaned up.

PostgreSQL keeps every row version that the oldest open transaction might still see. One that is left open for hours,
in whatever program, makes each claim wade through all that was finished since; so its age is watched.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.queue.link import Runs

# Of other sessions a role sees times only with pg_read_all_stats. A transaction holds the horizon once it has a
# snapshot or has written; an autovacuum never does. Slots count transactions, not seconds, and so tell what they lag.
TABLE_HEALTH = """
WITH open AS MATERIALIZED (
    SELECT pid, application_name, state, greatest(extract(epoch FROM clock_timestamp() - xact_start), 0) AS age_s,
           backend_xid IS NOT NULL OR backend_xmin IS NOT NULL AS holds
      FROM pg_stat_activity
     WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
       AND backend_type NOT LIKE 'autovacuum%'
     UNION ALL
    SELECT NULL, 'prepared transaction ' || gid, 'prepared', extract(epoch FROM clock_timestamp() - prepared), true
      FROM pg_prepared_xacts WHERE database = current_database()),
slot AS (
    SELECT count(*) AS slots, coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0) AS lag
      FROM pg_replication_slots)
SELECT q.n_live_tup AS live_rows, q.n_dead_tup AS dead_rows, pg_total_relation_size('job_queue') AS table_bytes,
       h.age_s::float8 AS horizon_age_s, h.pid AS horizon_pid, h.application_name AS horizon_application,
       h.state AS horizon_state,
       (SELECT max(age_s) FROM open)::float8 AS oldest_transaction_s,
       (SELECT count(*) FROM open WHERE state = 'prepared') AS prepared_transactions,
       slot.slots AS replication_slots, slot.lag::bigint AS replication_slots_lag,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all
  FROM pg_stat_user_tables AS q CROSS JOIN slot
  LEFT JOIN (SELECT * FROM open WHERE holds ORDER BY age_s DESC LIMIT 1) AS h ON true
 WHERE q.relid = 'job_queue'::regclass
"""


@dataclass(frozen=True)
class TableHealth:
    """The state of `job_queue`, and of what can hold its clean-up back.

    Attributes:
        live_rows, dead_rows: as PostgreSQL's statistics estimate them.
        table_bytes: size with indexes.
        horizon_age_s: age of the oldest transaction that keeps dead rows; None when there is none, or none in sight.
        horizon_pid, horizon_application, horizon_state: whose it is; a prepared transaction has no process.
        oldest_transaction_s: age of the oldest transaction, whether it holds anything or not.
        replication_slots_lag: bytes of WAL that the slowest replication slot keeps.
        sees_all: whether other sessions' transactions are in sight, which takes the role pg_read_all_stats.
    """

    live_rows: int
    dead_rows: int
    table_bytes: int
    horizon_age_s: float | None
    horizon_pid: int | None
    horizon_application: str | None
    horizon_state: str | None
    oldest_transaction_s: float | None
    prepared_transactions: int
    replication_slots: int
    replication_slots_lag: int
    sees_all: bool


async def table_health(session: AsyncSession) -> TableHealth:
    """Look at the table; in a transaction with the role `atum_worker`, which alone may see other sessions."""
    return TableHealth(**(await session.execute(text(TABLE_HEALTH))).mappings().one())


async def table_health_over(connection: Runs) -> TableHealth:
    """Look at the table over a raw connection."""
    return TableHealth(**dict((await connection.fetch(TABLE_HEALTH))[0]))
