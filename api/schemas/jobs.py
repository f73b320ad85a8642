"""The job queue and the workers on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from api.schemas.bodies import Body, Made, Name, View
from helpdesk.models.values import JobPriority, JobStatus


class NewJob(Body):
    """Work to be done in the background."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "job_type": "TRIAGE_TICKET",
                "payload": {"ticket_id": "0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11"},
                "priority": "high",
            }
        }
    )

    job_type: Name
    payload: dict[str, Any] = Field(default={})
    priority: JobPriority | None = Field(default=None, description="The job type's own when left out.")
    run_after: datetime | None = Field(default=None, description="Not before this time.")
    unique_key: Name | None = Field(
        default=None, description="While a job of this type with the key waits or runs, that one is returned."
    )
    max_tries: int | None = Field(default=None, ge=1, le=100, description="Failures after which it is set aside.")
    queue_name: Name | None = Field(default=None, description="The job type's own queue; any other is refused.")


class JobView(Made):
    """A job as it stands."""

    job_type: str
    queue: str | None = Field(description="The named set of job types it belongs to.")
    status: JobStatus
    priority: JobPriority
    payload: dict[str, Any]
    run_after: datetime
    attempts: int
    retry_count: int
    crash_count: int
    max_retries: int
    last_error: str | None
    unique_key: str | None
    locked_by: UUID | None
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    parent_id: UUID | None
    updated_at: datetime


class JobEventView(View):
    """One transition of a job."""

    event: str
    created_at: datetime
    attempt: int | None
    worker: UUID | None
    detail: str | None


class JobDetailView(JobView):
    """A job with its history, oldest first."""

    events: list[JobEventView]


class JobStatsView(View):
    """How the organisation's queue stands."""

    by_status: dict[JobStatus, int]
    by_type: dict[str, dict[JobStatus, int]]
    oldest_due_s: float = Field(description="Seconds the longest waiting due job has waited.")


class JobMade(View):
    """The job, new or already there under its unique key."""

    id: UUID


class WorkerView(View):
    """A worker process as it last told of itself."""

    id: UUID
    kind: str
    host: str
    pid: int
    state: str
    capacity: int
    running: int
    types: list[str]
    version: str
    started_at: datetime
    last_seen: datetime
