"""Run one job's handler and turn whatever happens into a verdict."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, assert_never

import structlog

from helpdesk.queue import settle
from helpdesk.queue.args import JobArgs
from helpdesk.queue.backoff import retry_delay_s
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.decode import InvalidPayload, decode
from helpdesk.queue.outcomes import Cancel, Completed, Done, Fatal, LeaseLost, Outcome, Snooze
from workers.context import WorkerContext
from workers.job_log import identity
from workers.registry import Handler, Handlers
from workers.verdict import Dropped, Failure, Finished, FinishedInside, HandedBack, Lost, Verdict

# A handler that has not ended so long after it was told to counts as stuck.
_STUCK_AFTER_S = 5.0

log = structlog.get_logger()


class Stop(Enum):
    """Why a running handler is cancelled."""

    CANCEL_REQUESTED = auto()
    LEASE_LOST = auto()
    CUT_OFF = auto()
    SHUTDOWN = auto()
    TIMED_OUT = auto()


@dataclass(slots=True, eq=False)
class Execution:
    """One run of a job: its task, and why it was told to stop, if it was."""

    context: WorkerContext
    started: float
    task: asyncio.Task[None] | None = None
    stop: Stop | None = None
    timeout_s: float | None = None
    told_stuck: bool = False

    @property
    def job(self) -> JobInHand:
        """Return the job in hand."""
        return self.context.job

    @property
    def age_s(self) -> float:
        """Return the seconds since the handler was started."""
        return time.perf_counter() - self.started

    @property
    def is_stuck(self) -> bool:
        """Return whether the handler ignores its timeout."""
        return self.timeout_s is not None and self.age_s > self.timeout_s + _STUCK_AFTER_S

    def tell_stuck(self) -> None:
        """Log, once, that the handler ignores that it was told to end."""
        if not self.told_stuck:
            self.told_stuck = True
            log.error("handler_stuck", after_s=round(self.age_s, 1), **identity(self.job))

    def cancel_when_overdue(self) -> None:
        """Cancel the handler when its time is over.

        Looked at for all running jobs now and then, since a timer of its own for each would cost every job for the sake
        of few.
        """
        if self.timeout_s is not None and self.age_s > self.timeout_s:
            self.cancel(Stop.TIMED_OUT)

    def cancel(self, why: Stop) -> None:
        """Cancel the handler, once."""
        if self.stop is None and self.task is not None:
            self.stop = why
            self.task.cancel()


async def perform(execution: Execution, handlers: Handlers) -> Verdict:
    """Run the job's handler within its timeout; never raises, so that every job ends in a verdict."""
    job = execution.job
    handler, kind = handlers.get(job.job_type), JOB_TYPES.get(job.job_type)
    if handler is None or kind is None:
        return HandedBack(job, reason=f"this worker has no handler for {job.job_type}")
    try:
        return await _run(execution, handler, kind)
    except LeaseLost:
        return Lost(job)
    except (Fatal, InvalidPayload, settle.ResultTooLarge) as error:
        return _failure(execution, kind, error, fatal=True)
    except asyncio.CancelledError as error:
        return _stopped(execution, kind, error)
    except BaseException as error:
        # SystemExit and the like, too: a handler may not end the worker.
        return _failure(execution, kind, error)


async def _run(execution: Execution, handler: Handler, kind: type[JobArgs]) -> Verdict:
    job = execution.job
    args = decode(job.job_type, job.payload)
    execution.timeout_s = job.timeout_s or kind.timeout_s
    return _verdict(execution, await handler(args, execution.context), kind)


def _verdict(execution: Execution, outcome: Outcome, kind: type[JobArgs]) -> Verdict:
    job = execution.job
    if execution.context.completed and isinstance(outcome, (Done, Completed)):
        return FinishedInside(job, execution.age_s)
    match outcome:
        case Done(result=result):
            return _finished(execution, kind, result)
        case Snooze(seconds=seconds, reason=reason):
            return HandedBack(job, "snoozed", max(seconds, 0.0), reason or None)
        case Cancel(reason=reason):
            return Dropped(job, execution.age_s, reason)
        case Completed():
            error = Fatal("the handler says it completed the job in its own transaction, but did not")
            return _failure(execution, kind, error, fatal=True)
        case _:
            assert_never(outcome)


def _finished(execution: Execution, kind: type[JobArgs], result: dict[str, Any] | None) -> Verdict:
    if result is None:
        return Finished(execution.job, execution.age_s)
    try:
        settle.result_text(result)
    except (settle.ResultTooLarge, TypeError, ValueError) as error:
        text = f"the outcome cannot be stored: {type(error).__name__}: {error}"
        return _failure(execution, kind, error, fatal=True, text=text)
    return Finished(execution.job, execution.age_s, result)


def _stopped(execution: Execution, kind: type[JobArgs], error: BaseException) -> Verdict:
    match execution.stop:
        case Stop.CANCEL_REQUESTED:
            return Dropped(execution.job, execution.age_s, "cancelled on request")
        case Stop.LEASE_LOST:
            return Lost(execution.job)
        case Stop.CUT_OFF:
            return HandedBack(execution.job, reason="the worker lost the database")
        case Stop.SHUTDOWN:
            return HandedBack(execution.job, reason="the worker stopped")
        case Stop.TIMED_OUT:
            going = ", and its thread goes on" if execution.context.going else ""
            text = f"timed out after {execution.timeout_s:g} s{going}"
            return _failure(execution, kind, error, text=text)
        case None:
            return _failure(execution, kind, error)
        case _:
            assert_never(execution.stop)


def _failure(
    execution: Execution, kind: type[JobArgs], error: BaseException, *, fatal: bool = False, text: str | None = None
) -> Failure:
    job = execution.job
    delay = retry_delay_s(kind, retry_count=job.retry_count, luck=random.random())  # noqa: S311 (jitter)
    said = settle.clip(text or f"{type(error).__name__}: {error}".rstrip(": ")) or ""
    return Failure(job, execution.age_s, said, delay_s=delay, fatal=fatal, cause=error)
