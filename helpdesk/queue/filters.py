"""Which jobs somebody means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement

from helpdesk.models.jobs import Job
from helpdesk.models.values import JobStatus
from helpdesk.queue.catalog import JOB_TYPES


@dataclass(frozen=True)
class JobFilter:
    """Which jobs are meant; None leaves a field open.

    Attributes:
        since, before: when the job was made, `before` exclusive.
        due_since, due_before: when it is or was due (`run_after`), `due_before` exclusive.
        error: text that its last error contains, in any case.
        ids: these jobs and no others.
    """

    status: JobStatus | None = None
    job_type: str | None = None
    queue: str | None = None
    priority: str | None = None
    unique_key: str | None = None
    parent_id: UUID | None = None
    since: datetime | None = None
    before: datetime | None = None
    due_since: datetime | None = None
    due_before: datetime | None = None
    error: str | None = None
    ids: tuple[UUID, ...] | None = None

    @property
    def is_open(self) -> bool:
        """Return whether it means every job there is."""
        return self == JobFilter()


_TESTS: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "status": lambda status: Job.status == status,
    "job_type": lambda job_type: Job.job_type == job_type,
    "queue": lambda queue: Job.job_type.in_(types_of_queue(queue)),
    "priority": lambda priority: Job.priority == priority,
    "unique_key": lambda key: Job.unique_key == key,
    "parent_id": lambda parent: Job.parent_id == parent,
    "since": lambda moment: Job.created_at >= moment,
    "before": lambda moment: Job.created_at < moment,
    "due_since": lambda moment: Job.run_after >= moment,
    "due_before": lambda moment: Job.run_after < moment,
    "error": lambda part: Job.last_error.icontains(part, autoescape=True),
    "ids": Job.id.in_,
}


def conditions(where: JobFilter, *, organization_id: UUID | None) -> list[ColumnElement[bool]]:
    """Return the conditions a job has to meet.

    Args:
        organization_id: whose jobs; None means everybody's, which only a transaction of the worker role sees.
    """
    asked = [test(getattr(where, name)) for name, test in _TESTS.items() if getattr(where, name) is not None]
    return asked if organization_id is None else [Job.organization_id == organization_id, *asked]


def types_of_queue(queue: str) -> list[str]:
    """Return the job types of a queue that this process knows, by name."""
    return sorted(name for name, args in JOB_TYPES.items() if args.queue == queue)


def queue_of(job_type: str) -> str | None:
    """Return the named set a job type belongs to, None for a type this process does not know."""
    args = JOB_TYPES.get(job_type)
    return args.queue if args else None
