"""A plug-in: the kind of job that is under way while a server is killed."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from sqlalchemy import text

from helpdesk.models.values import UserRole
from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import register
from helpdesk.queue.outcomes import Completed, Outcome
from workers.context import WorkerContext
from workers.registry import handlers

# Nothing is unique about it, so that an effect which happened twice would show.
EFFECTS = """
CREATE TABLE failover_effects (job uuid NOT NULL, worker uuid NOT NULL,
                               at timestamptz NOT NULL DEFAULT clock_timestamp());
GRANT SELECT, INSERT ON failover_effects TO atum_app, atum_worker
"""
_LEAVE = text("INSERT INTO failover_effects (job, worker) VALUES (:job, :worker)")


@register
class Effect(JobArgs):
    """Take a moment, then leave a row behind in the transaction that completes the job."""

    job_type: ClassVar = "FAILOVER_EFFECT"
    queue: ClassVar = "failover"
    enqueue_role: ClassVar = UserRole.AGENT
    # Each try that a lost connection ends counts as a failure; none of them may be the last.
    max_retries: ClassVar = 50
    backoff_base_s: ClassVar = 0.2
    backoff_cap_s: ClassVar = 1.0

    seconds: float = 0.02


@handlers.handles(Effect)
async def leave_effect(args: Effect, context: WorkerContext) -> Outcome:
    """Leave the effect and complete the job, or neither."""
    await asyncio.sleep(args.seconds)
    async with context.database.transaction(context.organization_id) as session:
        await session.execute(_LEAVE, {"job": context.job.id, "worker": context.job.locked_by})
        await context.complete_in(session)
    return Completed()
