"""What a job worker counts: how long jobs wait and run, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal, assert_never

from helpdesk.observability.metrics import jobs
from helpdesk.observability.metrics.registry import Names, labelled
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.rescue import Rescued
from workers.verdict import Dropped, Failure, Finished, FinishedInside, HandedBack, Lost, Verdict

Ending = Literal["completed", "retried", "dead_lettered", "cancelled", "snoozed", "released"]

# A type is only known to the process that runs it; what another one left behind may be of any.
_types = Names(300)
_RESCUED_AS = ("pending", "dead_letter", "cancelled")


def begin(job_types: Iterable[str]) -> None:
    """Show nothing of each as 0: of a count that first appears with a number, Prometheus sees no increase."""
    for job_type in job_types:
        for metric in (jobs.ATTEMPTS, jobs.FAILURES, jobs.STALE):
            labelled(metric, job_type)
        for status in _RESCUED_AS:
            labelled(jobs.RESCUES, _types.of(job_type), status)


def started(job: JobInHand) -> None:
    """Count that a handler starts, and how long its job was due."""
    labelled(jobs.ATTEMPTS, job.job_type).inc()
    labelled(jobs.PICKUP, job.job_type).observe(max((datetime.now(UTC) - job.run_after).total_seconds(), 0.0))


def ran(verdict: Verdict, seconds: float) -> None:
    """Count that a handler is done, however it went."""
    job_type = verdict.job.job_type
    labelled(jobs.HANDLER, job_type, _outcome(verdict)).observe(seconds)
    if isinstance(verdict, Failure):
        labelled(jobs.FAILURES, job_type).inc()


def ended(job: JobInHand, how: Ending) -> None:
    """Count that the queue has taken how a job ended."""
    labelled(jobs.ENDINGS, job.job_type, how).inc()


def stale(job: JobInHand) -> None:
    """Count an ending that came too late."""
    labelled(jobs.STALE, job.job_type).inc()


def rescued(job: Rescued) -> None:
    """Count a job taken back from another worker."""
    labelled(jobs.RESCUES, _types.of(job.job_type), job.status).inc()


def watch(
    *, slots: Callable[[], int], busy: Callable[[], int], stuck: Callable[[], int], unheard: Callable[[], int]
) -> None:
    """Show how full the worker is; asked at each scrape, in its thread."""
    jobs.SLOTS.read = lambda: {(): slots()}
    jobs.SLOTS_BUSY.read = lambda: {(): busy()}
    jobs.SLOTS_STUCK.read = lambda: {(): stuck()}
    jobs.UNHEARD.read = lambda: {(): unheard()}


def _outcome(verdict: Verdict) -> str:
    match verdict:
        case Finished() | FinishedInside():
            return "completed"
        case Failure():
            return "failed"
        case Dropped():
            return "cancelled"
        case HandedBack():
            return "handed_back"
        case Lost():
            return "lost"
        case _:
            assert_never(verdict)
