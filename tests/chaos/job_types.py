"""A plug-in: the kinds of jobs that chaos is made with, loaded by worker processes through ATUM_PLUGINS."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar, Self

from sqlalchemy import text

from helpdesk.errors import HelpdeskError
from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import register
from helpdesk.queue.outcomes import Completed, Done, Outcome, Snooze
from tests.chaos.marks import Writer
from workers.context import WorkerContext
from workers.registry import handlers

_marks = Writer()

# In the handler's own transaction; nothing unique about it, so that a double would show.
_LEAVE_EFFECT = text("INSERT INTO chaos_effects (job, lease, worker) VALUES (:job, :lease, :worker)")


class NotThisTime(HelpdeskError):
    """The handler fails, as it was made to."""


class ChaosJob(JobArgs):
    """What all of them take.

    Attributes:
        fault: during which fault it was asked for.
        seconds: how long its handler takes.
    """

    queue: ClassVar = "chaos"
    # A storm that cuts a handler's connection counts as its failure; it must not use up the tries.
    max_retries: ClassVar = 50
    timeout_s: ClassVar = 60
    backoff_base_s: ClassVar = 0.1
    backoff_cap_s: ClassVar = 1.0

    fault: str
    seconds: float = 0.0


@register
class Plain(ChaosJob):
    """Have an effect outside the database: at least once."""

    job_type: ClassVar = "CHAOS_PLAIN"


@register
class Threaded(ChaosJob):
    """The same from a handler that works in a thread."""

    job_type: ClassVar = "CHAOS_THREADED"


@register
class Exact(ChaosJob):
    """Have an effect in the transaction that completes the job: exactly once."""

    job_type: ClassVar = "CHAOS_EXACT"


@register
class Snoozing(ChaosJob):
    """Ask for later at the first claims."""

    job_type: ClassVar = "CHAOS_SNOOZING"

    times: int = 2


@register
class Failing(ChaosJob):
    """Fail at the first tries."""

    job_type: ClassVar = "CHAOS_FAILING"

    times: int = 2


@register
class Hopeless(ChaosJob):
    """Fail at every try."""

    job_type: ClassVar = "CHAOS_HOPELESS"
    max_retries: ClassVar = 2


@register
class Keyed(ChaosJob):
    """One of a unique key."""

    job_type: ClassVar = "CHAOS_KEYED"


@register
class Limited(ChaosJob):
    """At most three at a time, over all workers."""

    job_type: ClassVar = "CHAOS_LIMITED"
    limited_by: ClassVar = "chaos-three"
    slots: ClassVar = 3


@register
class TenantLimited(ChaosJob):
    """At most one at a time for each organisation."""

    job_type: ClassVar = "CHAOS_TENANT_LIMITED"
    limited_by: ClassVar = "tenant"
    slots: ClassVar = 1


@register
class Poison(ChaosJob):
    """Kill the worker."""

    job_type: ClassVar = "CHAOS_POISON"

    signal: int = signal.SIGKILL


@register
class Blocking(ChaosJob):
    """Hold up the worker's event loop."""

    job_type: ClassVar = "CHAOS_BLOCKING"
    timeout_s: ClassVar = 600


@register
class Flood(ChaosJob):
    """One of very many of one organisation; leaves no mark."""

    job_type: ClassVar = "CHAOS_FLOOD"


@register
class Tick(ChaosJob):
    """One of a schedule."""

    job_type: ClassVar = "CHAOS_TICK"

    tick: datetime

    @classmethod
    def for_tick(cls, tick: datetime, payload: Mapping[str, Any]) -> Self:
        """Keep when it was due."""
        return cls(tick=tick, **payload)


@asynccontextmanager
async def _run(args: ChaosJob, context: WorkerContext, *, in_thread: bool = False) -> AsyncIterator[None]:
    """Mark the run's beginning, take the time, and mark that it was stopped, if it is."""
    _marks.mark(context.job, "began")
    try:
        await (context.in_thread(time.sleep, args.seconds) if in_thread else asyncio.sleep(args.seconds))
        yield
    except asyncio.CancelledError:
        _marks.mark(context.job, "stopped")
        raise


@handlers.handles(Plain)
@handlers.handles(Keyed)
@handlers.handles(Limited)
@handlers.handles(TenantLimited)
@handlers.handles(Tick)
async def do_once(args: ChaosJob, context: WorkerContext) -> Outcome:
    """Have the effect."""
    async with _run(args, context):
        _marks.mark(context.job, "did")
    return Done()


@handlers.handles(Threaded)
async def do_once_in_a_thread(args: Threaded, context: WorkerContext) -> Outcome:
    """Have the effect after a thread has done its work."""
    async with _run(args, context, in_thread=True):
        _marks.mark(context.job, "did")
    return Done()


@handlers.handles(Exact)
async def do_exactly_once(args: Exact, context: WorkerContext) -> Outcome:
    """Have the effect and complete the job, or neither."""
    async with _run(args, context):
        values = {"job": context.job.id, "lease": context.job.lease, "worker": context.job.locked_by}
        async with context.database.transaction(context.organization_id) as session:
            await session.execute(_LEAVE_EFFECT, values)
            await context.complete_in(session)
        _marks.mark(context.job, "did")
    return Completed()


@handlers.handles(Snoozing)
async def snooze(args: Snoozing, context: WorkerContext) -> Outcome:
    """Snooze while the lease is young."""
    async with _run(args, context):
        if context.job.lease <= args.times:
            _marks.mark(context.job, "gave up")
            return Snooze(0.05, "not yet")
        _marks.mark(context.job, "did")
    return Done()


@handlers.handles(Failing)
async def fail_at_first(args: Failing, context: WorkerContext) -> Outcome:
    """Fail while few tries were made."""
    async with _run(args, context):
        if context.job.retry_count < args.times:
            _marks.mark(context.job, "gave up")
            raise NotThisTime
        _marks.mark(context.job, "did")
    return Done()


@handlers.handles(Hopeless)
async def fail_always(args: Hopeless, context: WorkerContext) -> Outcome:
    """Fail."""
    async with _run(args, context):
        _marks.mark(context.job, "gave up")
        raise NotThisTime


@handlers.handles(Poison)
async def kill_the_worker(args: Poison, context: WorkerContext) -> Outcome:
    """End the process in a way that nothing in it can catch."""
    async with _run(args, context):
        os.kill(os.getpid(), args.signal)
        # The signal arrives when it likes.
        await asyncio.sleep(60)
    return Done()


@handlers.handles(Blocking)
async def block(args: Blocking, context: WorkerContext) -> Outcome:
    """Let nothing else run in this process."""
    _marks.mark(context.job, "began")
    time.sleep(args.seconds)  # noqa: ASYNC251
    _marks.mark(context.job, "did")
    return Done()


@handlers.handles(Flood)
async def do_next_to_nothing(_args: Flood, _context: WorkerContext) -> Outcome:
    """Take next to no time."""
    return Done()
