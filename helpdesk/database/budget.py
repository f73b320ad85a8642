"""How many connections PostgreSQL has left for a process that starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from helpdesk.errors import Unavailable

# The name of a connection is one of the few things everybody may see of everybody's.
_IN_USE = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true), '0')::int AS allowed,
       count(*) AS in_use,
       count(*) FILTER (WHERE application_name LIKE 'atum-desk-%-worker%') AS by_workers
  FROM pg_stat_activity WHERE datid IS NOT NULL AND pid <> pg_backend_pid()
"""
_WORKERS = """
SELECT kind, count(*) AS workers FROM workers
 WHERE last_seen > now() - make_interval(secs => $1::float8) GROUP BY kind
"""


class ConnectionsExhausted(Unavailable):
    """PostgreSQL has not enough connections left."""


class Fetches(Protocol):
    """Runs a statement and returns its rows."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Mapping[str, Any]]:
        """Return the rows."""
        ...


@dataclass(frozen=True)
class Budget:
    """What PostgreSQL allows, and what is spent.

    Attributes:
        allowed: connections for everybody but superusers.
        in_use: connections of others.
        spoken_for: connections of others once every worker has opened all that it may.
    """

    allowed: int
    in_use: int
    spoken_for: int

    def left(self, needs: int) -> int:
        """Return what is left when this process has all it needs, if everybody else takes all they may.

        Args:
            needs: connections of this process.

        Raises:
            ConnectionsExhausted: when there is not enough left even now.
        """
        if self.in_use + needs > self.allowed:
            raise ConnectionsExhausted(
                f"This process needs {needs} connections, and of the {self.allowed} that PostgreSQL allows "
                f"{self.in_use} are in use. Raise max_connections, run fewer processes, lower "
                "ATUM_DATABASE_POOL_SIZE, or put a pooler in between (ATUM_DATABASE_PGBOUNCER)."
            )
        return self.allowed - self.spoken_for - needs


async def look_at_budget(
    connection: Fetches, *, per_worker: Mapping[str, int] | None = None, worker_gone_s: float = 90
) -> Budget:
    """Count connections, in use and spoken for.

    Args:
        per_worker: how many a worker of each kind may open; None leaves it at what workers have opened.
        worker_gone_s: a worker that has not beaten for so long is gone.
    """
    row = (await connection.fetch(_IN_USE))[0]
    spoken_for = row["in_use"]
    if per_worker is not None:
        rows = await connection.fetch(_WORKERS, worker_gone_s)
        by_workers = sum(per_worker.get(kind["kind"], 0) * kind["workers"] for kind in rows)
        spoken_for += max(0, by_workers - row["by_workers"])
    return Budget(row["allowed"], row["in_use"], spoken_for)
