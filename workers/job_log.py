"""One log event for each way a job ends."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from traceback import format_exception
from typing import Any

import structlog

from helpdesk.errors import HelpdeskError
from helpdesk.observability import tracing
from helpdesk.observability.origin import Origin
from helpdesk.observability.tracing import Step
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.rescue import Rescued
from helpdesk.queue.settle import Failed
from helpdesk.redaction import redacted
from workers.verdict import Dropped, Failure, Finished, FinishedInside, HandedBack, Verdict

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

# Looked for in the text, since most payloads are decoded later or not at all. Inside a text no quote stands without a
# backslash before it, so what a customer wrote is never taken for it.
_TICKET = re.compile(r'"ticket_id": ?"([0-9a-f-]{36})"')


def identity(job: JobInHand) -> dict[str, Any]:
    """Return what every event about a job names: the job, the ticket it is about, and the request it goes back to."""
    named = {
        "job_id": str(job.id),
        "job_type": job.job_type,
        "organization_id": str(job.organization_id),
        "attempt": job.attempt,
    }
    if ticket := _TICKET.search(job.payload):
        named["ticket_id"] = ticket.group(1)
    if job.request_id:
        named["request_id"] = job.request_id
    if trace_id := origin_of(job).trace_id:
        named["trace_id"] = trace_id
    return named


def origin_of(job: JobInHand) -> Origin:
    """Return what a job goes back to."""
    return Origin(job.request_id, job.trace_parent)


def traced(job: JobInHand) -> AbstractContextManager[Step]:
    """Return the step of a trace that the run of a job is."""
    if not tracing.is_on():
        return tracing.NO_STEP
    named = {f"atum__{name}": value for name, value in identity(job).items() if name != "trace_id"}
    return tracing.step(f"job {job.job_type}", kind="consumer", **named)


def reason(verdict: Verdict) -> str | None:
    """Return in a word why a run failed, None where it did not."""
    if not isinstance(verdict, Failure):
        return None
    return type(verdict.cause).__name__ if verdict.cause else "failed"


def completed(finished: Sequence[Finished | FinishedInside]) -> None:
    """Log `job_completed`, with the handler's duration in seconds."""
    if not log.is_enabled_for(logging.INFO):
        return
    for verdict in finished:
        log.info("job_completed", duration=round(verdict.duration_s, 4), **identity(verdict.job))


def failed(failure: Failure, became: Failed) -> None:
    """Log `job_retried`, `job_dead_lettered` or `job_cancelled`; a traceback only for what nobody foresaw."""
    foreseen = failure.cause is None or isinstance(failure.cause, (HelpdeskError, TimeoutError))
    # As text, since a logger that is given the exception would write its message as it is.
    more = {} if foreseen else {"exception": redacted("".join(format_exception(failure.cause)))}
    told = identity(failure.job) | more
    duration = round(failure.duration_s, 4)
    match became.status:
        case "pending":
            log.warning("job_retried", duration=duration, error=failure.error, **told)
        case "dead_letter":
            log.error("job_dead_lettered", duration=duration, error=failure.error, **told)
        case _:
            log.warning("job_cancelled", duration=duration, error=failure.error, **told)


def cancelled(dropped: Dropped) -> None:
    """Log `job_cancelled`."""
    log.info("job_cancelled", duration=round(dropped.duration_s, 4), reason=dropped.reason, **identity(dropped.job))


def handed_back(backs: Sequence[HandedBack]) -> None:
    """Log `job_snoozed` or `job_released`."""
    for verdict in backs:
        event = "job_snoozed" if verdict.event == "snoozed" else "job_released"
        log.info(event, after_s=verdict.after_s, reason=verdict.reason, **identity(verdict.job))


def rescued(job: Rescued) -> None:
    """Log `job_rescued`, or `job_dead_lettered` where the job has cost too many workers; `lost_by` had it."""
    told = {
        "job_id": str(job.id),
        "job_type": job.job_type,
        "organization_id": str(job.organization_id),
        "request_id": job.request_id,
    }
    worker, crashes = str(job.worker), job.crash_count
    if job.status == "dead_letter":
        log.error("job_dead_lettered", error=job.last_error, crashes=crashes, lost_by=worker, **told)
    else:
        log.warning("job_rescued", error=job.last_error, crashes=crashes, lost_by=worker, **told)
