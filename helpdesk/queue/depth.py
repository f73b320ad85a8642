"""How many jobs are due, at a price that does not grow with them."""

from __future__ import annotations

from helpdesk.queue.link import Runs

MOST_COUNTED = 1000
# From the index on status and due time, and no further than anybody reads.
_READY = """
    SELECT count(*) FROM (
        SELECT FROM job_queue WHERE status = 'pending' AND run_after <= now() LIMIT $1) AS due
"""


async def ready_jobs(connection: Runs) -> str:
    """Return the number of jobs that could start now, as text; beyond a thousand it is `1000+`."""
    return counted((await connection.fetch(_READY, MOST_COUNTED + 1))[0]["count"])


def counted(number: int) -> str:
    """Return a count that ended at `MOST_COUNTED` as text."""
    return str(number) if number <= MOST_COUNTED else f"{MOST_COUNTED}+"
