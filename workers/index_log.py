"""What an index worker says of itself once a minute: how much waits, for how long, and how fast it goes."""

from __future__ import annotations

import time

import structlog

from helpdesk.queue.link import Runs
from helpdesk.rag.indexing.index import BatchReport

log = structlog.get_logger()

_WAITING = """
SELECT count(*) FILTER (WHERE status = 'pending') AS pending, count(*) FILTER (WHERE status = 'running') AS running,
       count(*) FILTER (WHERE status = 'failed') AS failed, count(DISTINCT organization_id) AS organizations,
       coalesce(extract(epoch FROM now() - min(waiting_since) FILTER (WHERE status <> 'failed')), 0)::float8 AS lag_s
  FROM rag_index_queue WHERE status <> 'done'
"""


class IndexLog:
    """Adds up what the batches of one worker came to."""

    def __init__(self, connection: Runs) -> None:
        self._connection = connection
        self._since = time.monotonic()
        self._documents = self._chunks = self._embedded = 0

    def count(self, report: BatchReport) -> None:
        """Add a batch."""
        self._documents += report.documents
        self._chunks += report.chunks
        self._embedded += report.embedded

    async def tell(self) -> None:
        """Log the figures since the last time; nothing, when nothing waits and nothing was done."""
        [row] = await self._connection.fetch(_WAITING)
        took = max(time.monotonic() - self._since, 0.001)
        if self._documents or row["pending"] or row["running"]:
            log.info(
                "index_queue",
                pending=row["pending"],
                running=row["running"],
                failed=row["failed"],
                organizations=row["organizations"],
                lag_s=round(row["lag_s"], 1),
                documents_per_s=round(self._documents / took, 2),
                passages_per_s=round(self._chunks / took, 2),
                embedded_per_s=round(self._embedded / took, 2),
            )
        self._since = time.monotonic()
        self._documents = self._chunks = self._embedded = 0
