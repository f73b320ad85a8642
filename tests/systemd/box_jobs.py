"""A plug-in for the box: jobs that mark what they did, hang, eat memory, log and fail."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import ClassVar

import structlog

from helpdesk.models.values import UserRole
from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import register
from helpdesk.queue.outcomes import Done, Outcome, Snooze
from workers.context import WorkerContext
from workers.registry import handlers

log = structlog.get_logger()


class BoxJob(JobArgs):
    """What all of them are like: not given up for a while, and anybody may ask for them."""

    queue: ClassVar = "box"
    timeout_s: ClassVar = 600
    backoff_base_s: ClassVar = 0.1
    backoff_cap_s: ClassVar = 0.5
    enqueue_role: ClassVar = UserRole.VIEWER


@register
class Mark(BoxJob):
    """Take a while, then say who did it."""

    job_type: ClassVar = "BOX_MARK"

    seconds: float = 0.0


@register
class Hang(BoxJob):
    """Hold up the event loop of a worker, once."""

    job_type: ClassVar = "BOX_HANG"

    worker: str


@register
class Eat(BoxJob):
    """Eat the memory of a worker, once."""

    job_type: ClassVar = "BOX_EAT"

    worker: str


@register
class Fail(BoxJob):
    """Fail in a way that nobody foresaw."""

    job_type: ClassVar = "BOX_FAIL"
    max_retries: ClassVar = 0


@register
class Say(BoxJob):
    """Log a text as it is."""

    job_type: ClassVar = "BOX_SAY"

    text: str


def _who() -> dict[str, str]:
    """Return which worker this is, by the address of its metrics, and which life of it."""
    return {"worker": os.environ["ATUM_METRICS_LISTEN"], "life": os.environ["INVOCATION_ID"]}


def _not_here(worker: str, context: WorkerContext) -> bool:
    """Tell whether the job is yet to be tried by a worker, and this is another one."""
    return context.job.attempt == 1 and _who()["worker"] != worker


@handlers.handles(Mark)
async def mark(args: Mark, context: WorkerContext) -> Outcome:
    """Leave a line in a file when the time is over: another one each time it is done."""
    await asyncio.sleep(args.seconds)
    marks = os.open(Path(os.environ["ATUM_DATA_DIR"], "marks"), os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.write(marks, f"{context.job.id}\n".encode())
    os.close(marks)
    return Done(_who())


@handlers.handles(Hang)
async def hang(args: Hang, context: WorkerContext) -> Outcome:
    """Hang at the first try, if this is the worker; hand it back, if not."""
    if _not_here(args.worker, context):
        return Snooze(0.05, "it is another worker's")
    if context.job.attempt == 1:
        log.info("box_hangs", **_who())
        time.sleep(600)  # noqa: ASYNC251
    return Done(_who())


@handlers.handles(Eat)
async def eat(args: Eat, context: WorkerContext) -> Outcome:
    """Eat at the first try, if this is the worker; hand it back, if not."""
    if _not_here(args.worker, context):
        return Snooze(0.05, "it is another worker's")
    eaten = []
    while context.job.attempt == 1:
        eaten.append(b"x" * (16 << 20))
    return Done(_who())


@handlers.handles(Fail)
async def fail(_args: Fail, _context: WorkerContext) -> Outcome:
    """Divide by nothing."""
    return Done({"result": 1 // 0})


@handlers.handles(Say)
async def say(args: Say, _context: WorkerContext) -> Outcome:
    """Log it in the message and in a field."""
    log.warning("box_says", text=args.text)
    return Done()
