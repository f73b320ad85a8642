"""A plug-in: job types that a worker process loads by ATUM_PLUGINS, to be killed at."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import ClassVar

from sqlalchemy import text

from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import register
from helpdesk.queue.outcomes import Completed, Done, Outcome
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


@register
class KillProcess(JobArgs):
    """Kill the process that runs it, as code that runs out of memory does."""

    job_type: ClassVar = "TEST_KILL_PROCESS"
    queue: ClassVar = "tests"

    after_s: float = 0.3


@handlers.handles(KillProcess)
async def kill_process(args: KillProcess, _context: WorkerContext) -> Outcome:
    """Give the neighbours time to begin, and die."""
    await asyncio.sleep(args.after_s)
    os.kill(os.getpid(), signal.SIGKILL)
    return Done()


@register
class Hang(JobArgs):
    """Block a thread for longer than the job may take."""

    job_type: ClassVar = "TEST_HANG"
    queue: ClassVar = "tests"
    timeout_s: ClassVar = 1
    # Not again while a test looks.
    backoff_base_s: ClassVar = 300.0

    seconds: float


@handlers.handles(Hang)
async def hang(args: Hang, context: WorkerContext) -> Outcome:
    """Hang."""
    await context.in_thread(time.sleep, args.seconds)
    return Done()


@register
class BlockLoop(JobArgs):
    """Block the event loop, as code does that forgets to wait."""

    job_type: ClassVar = "TEST_BLOCK_LOOP"
    queue: ClassVar = "tests"

    seconds: float


@handlers.handles(BlockLoop)
async def block_loop(args: BlockLoop, _context: WorkerContext) -> Outcome:
    """Block."""
    time.sleep(args.seconds)  # noqa: ASYNC251 (that is the point)
    return Done()
