"""How far the minute is behind."""

from __future__ import annotations

from helpdesk.queue.link import Runs

# The first entry of an index.
_OLDEST = "SELECT extract(epoch FROM now() - min(next_threshold_at))::float8 AS oldest_s FROM sla_clocks"


async def oldest_due_s(connection: Runs) -> float:
    """Return how many seconds ago the threshold was crossed that no tick has looked at yet; 0 where there is none."""
    return max((await connection.fetch(_OLDEST))[0]["oldest_s"] or 0.0, 0.0)
