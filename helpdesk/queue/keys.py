"""Give up the unique key of a running job, so that a job asked for from now on is another one."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.queue.claim import JobInHand
from helpdesk.queue.outcomes import LeaseLost

# Fenced like every write about a running job.
_RELEASE = text("""
    UPDATE job_queue SET unique_key = NULL, updated_at = now()
     WHERE id = :id AND lease = :lease AND locked_by = :worker
    RETURNING id
""")


async def release_key(session: AsyncSession, job: JobInHand) -> None:
    """Let a new job with the key of this running one be made, once the transaction commits.

    Raises:
        LeaseLost: when another worker has the job by now.
    """
    values = {"id": job.id, "lease": job.lease, "worker": job.locked_by}
    if (await session.execute(_RELEASE, values)).first() is None:
        raise LeaseLost(job_id=str(job.id))
