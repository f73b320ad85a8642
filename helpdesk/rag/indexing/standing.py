"""How much waits for the search index, for all organisations together; whole counts, for whoever asks rarely."""

from __future__ import annotations

from dataclasses import dataclass

from helpdesk.queue.link import Runs

# Sources that have failed wait for nobody but their operator.
_COUNTS = """
    SELECT status, count(*) AS tasks,
           extract(epoch FROM now() - min(waiting_since) FILTER (WHERE status <> 'failed'))::float8 AS oldest_s
      FROM rag_index_queue WHERE status <> 'done' GROUP BY status
"""


@dataclass(frozen=True)
class IndexStanding:
    """Sources that are not in the index as they should be, by `pending`, `running` and `failed`.

    Attributes:
        oldest_s: how long the one has waited that has waited longest; 0 when none does.
    """

    tasks: dict[str, int]
    oldest_s: float


async def index_standing(connection: Runs) -> IndexStanding:
    """Count what waits for the index."""
    rows = await connection.fetch(_COUNTS)
    tasks = dict.fromkeys(("pending", "running", "failed"), 0) | {row["status"]: row["tasks"] for row in rows}
    return IndexStanding(tasks, max([row["oldest_s"] or 0.0 for row in rows], default=0.0))
