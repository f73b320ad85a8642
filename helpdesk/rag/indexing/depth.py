"""How many changed sources wait for the index, at a price that does not grow with them."""

from __future__ import annotations

from helpdesk.queue.depth import MOST_COUNTED, counted
from helpdesk.queue.link import Runs

# No further than anybody reads.
_READY = """
    SELECT count(*) FROM (
        SELECT FROM rag_index_queue WHERE status = 'pending' AND run_after <= now() LIMIT $1) AS due
"""


async def ready_tasks(connection: Runs) -> str:
    """Return the number of sources that could be taken now, as text; beyond a thousand it is `1000+`."""
    return counted((await connection.fetch(_READY, MOST_COUNTED + 1))[0]["count"])
