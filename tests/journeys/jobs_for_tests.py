"""A plug-in: job types that a worker process loads by ATUM_PLUGINS, to be killed at."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from sqlalchemy import text

from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import register
from helpdesk.queue.outcomes import Completed, Outcome
from workers.context import WorkerContext
from workers.registry import handlers


@register
class LeaveMark(JobArgs):
    """Take a while, then leave a row behind in the transaction that completes the job."""

    job_type: ClassVar = "TEST_LEAVE_MARK"
    queue: ClassVar = "tests"

    seconds: float
    deaf: bool = False


@handlers.handles(LeaveMark)
async def leave_mark(args: LeaveMark, context: WorkerContext) -> Outcome:
    """Leave the mark."""
    ends = time.monotonic() + args.seconds
    while (left := ends - time.monotonic()) > 0:
        try:
            await asyncio.sleep(left)
        except asyncio.CancelledError:
            if not args.deaf:
                raise
    async with context.database.transaction(context.organization_id) as session:
        await session.execute(text("INSERT INTO marks VALUES (:job)"), {"job": context.job.id})
        await context.complete_in(session)
    return Completed()
