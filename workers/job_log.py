"""One log event for each way a job ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from traceback import format_exception
from typing import Any

import structlog

from helpdesk.errors import HelpdeskError
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.settle import Failed
from helpdesk.redaction import redacted
from workers.verdict import Dropped, Failure, Finished, FinishedInside, HandedBack

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def identity(job: JobInHand) -> dict[str, Any]:
    """Return what every event about a job names."""
    return {
        "job_id": str(job.id),
        "job_type": job.job_type,
        "organization_id": str(job.organization_id),
        "attempt": job.attempt,
    }


def completed(finished: Sequence[Finished | FinishedInside]) -> None:
    """Log `job_completed`, with the handler's duration in seconds."""
    if not log.is_enabled_for(logging.INFO):
        return
    for verdict in finished:
        log.info("job_completed", duration=round(verdict.duration_s, 4), **identity(verdict.job))


def failed(failure: Failure, became: Failed) -> None:
    """Log `job_retried`, `job_dead_lettered` or `job_cancelled`; a traceback only for what nobody foresaw."""
    event = {"pending": "job_retried", "dead_letter": "job_dead_lettered"}.get(became.status, "job_cancelled")
    foreseen = failure.cause is None or isinstance(failure.cause, (HelpdeskError, TimeoutError))
    # As text, since a logger that is given the exception would write its message as it is.
    more = {} if foreseen else {"exception": redacted("".join(format_exception(failure.cause)))}
    log.warning(event, duration=round(failure.duration_s, 4), error=failure.error, **identity(failure.job), **more)


def cancelled(dropped: Dropped) -> None:
    """Log `job_cancelled`."""
    log.info("job_cancelled", duration=round(dropped.duration_s, 4), reason=dropped.reason, **identity(dropped.job))


def handed_back(backs: Sequence[HandedBack]) -> None:
    """Log `job_snoozed` or `job_released`."""
    for verdict in backs:
        log.info(f"job_{verdict.event}", after_s=verdict.after_s, reason=verdict.reason, **identity(verdict.job))
