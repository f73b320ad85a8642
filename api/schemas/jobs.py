"""Background jobs: asked for, looked at, set right."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, computed_field, model_validator

from api.schemas.bodies import Body, Made, Name, View
from helpdesk.models.values import JobPriority, JobStatus
from helpdesk.queue.filters import JobFilter, queue_of

MOST_AT_ONCE = 1000
_YEAR_S = 366 * 24 * 3600

Ids = Annotated[list[UUID], Field(min_length=1, max_length=MOST_AT_ONCE)]


class NewJob(Body):
    """Work to be done in the background."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "job_type": "TRIAGE_TICKET",
                "payload": {"ticket_id": "0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11"},
                "priority": "high",
                "unique_key": "triage-0199c7a2",
                "max_retries": 2,
            }
        }
    )

    job_type: Name = Field(description="One of `GET /jobs/types`.")
    payload: dict[str, Any] = Field(default={}, description="What the type takes; `GET /jobs/types` has its schema.")
    priority: JobPriority | None = Field(default=None, description="The job type's own when left out.")
    run_after: datetime | None = Field(default=None, description="Not before this time.")
    delay_s: float | None = Field(
        default=None, ge=0, le=_YEAR_S, description="Not before so many seconds from now; instead of `run_after`."
    )
    unique_key: Name | None = Field(
        default=None, description="While a job of this type with the key waits or runs, that one is returned."
    )
    max_retries: int | None = Field(
        default=None, ge=0, le=100, description="Failed tries after the first one until it is set aside."
    )
    max_tries: int | None = Field(
        default=None, ge=1, le=101, description="The same counted from the first try: `max_retries` + 1."
    )
    queue_name: Name | None = Field(default=None, description="The job type's own queue; any other is refused.")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.run_after is not None and self.delay_s is not None:
            raise ValueError("give either run_after or delay_s")
        if self.run_after is not None and self.run_after.tzinfo is None:
            raise ValueError("run_after needs an offset from UTC, such as the Z of 2026-03-03T10:00:00Z")
        if self.max_retries is not None and self.max_tries is not None and self.max_tries != self.max_retries + 1:
            raise ValueError("max_tries must be max_retries + 1; one of them is enough")
        return self

    @property
    def retries(self) -> int | None:
        """Return the retries asked for, in whichever way."""
        return self.max_retries if self.max_tries is None else self.max_tries - 1


class NewJobs(Body):
    """Up to 1,000 jobs, all of which are enqueued or none."""

    jobs: Annotated[list[NewJob], Field(min_length=1, max_length=MOST_AT_ONCE)]


class AcceptedView(View):
    """The job that stands for one that was asked for."""

    id: UUID
    is_new: bool = Field(description="False when a live job with the unique key was there already.")


class JobView(Made):
    """A job as it stands."""

    job_type: str
    status: JobStatus
    priority: JobPriority
    payload: dict[str, Any] | None = Field(description="Null for whoever may not ask for such a job.")
    run_after: datetime = Field(description="When it is, or last was, due.")
    attempts: int = Field(description="How often a worker has begun it, without the times it was handed back.")
    retry_count: int = Field(description="Tries that its handler failed.")
    crash_count: int = Field(description="Tries that ended with the death of a worker; the third sets it aside.")
    max_retries: int
    timeout_s: int | None
    last_error: str | None
    unique_key: str | None
    limit_key: str | None = Field(description="What its number at a time is limited by, with all jobs of the same key.")
    locked_by: UUID | None = Field(description="The worker that has it.")
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    progress: dict[str, Any] | None
    result: dict[str, Any] | None
    parent_id: UUID | None = Field(description="The job that asked for this one.")
    request_id: str | None = Field(description="The `X-Request-ID` of the request that it goes back to.")
    trace_parent: str | None = Field(description="The trace that it belongs to (W3C Trace Context).")
    updated_at: datetime

    @computed_field(description="The named set of job types it belongs to.")  # type: ignore[prop-decorator]
    @property
    def queue_name(self) -> str | None:
        """Return the queue of its type, None for a type that this process does not know."""
        return queue_of(self.job_type)

    @computed_field(description="`max_retries` + 1.")  # type: ignore[prop-decorator]
    @property
    def max_tries(self) -> int:
        """Return how often it is tried at most."""
        return self.max_retries + 1


class JobEventView(View):
    """One transition of a job."""

    event: str
    created_at: datetime
    attempt: int | None
    worker: UUID | None
    detail: str | None


class StreamedJobEventView(JobEventView):
    """One transition of a job, with the job it is of."""

    id: int
    job_id: UUID
    job_type: str | None = Field(description="Null when the job has been pruned.")


class ChildView(Made):
    """A job that another one asked for."""

    job_type: str
    status: JobStatus
    finished_at: datetime | None


class HolderView(View):
    """The worker that has a job."""

    id: UUID
    host: str
    pid: int
    state: str
    last_seen: datetime


class FileView(View):
    """A file that a job made; `GET /jobs/{id}/files/{name}` has it."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str
    expires_at: datetime


class JobDetailView(JobView):
    """A job with its history (oldest first), the jobs it asked for, its files and its worker."""

    events: list[JobEventView]
    children: list[ChildView] = Field(description="At most 1,000, oldest first.")
    files: list[FileView]
    worker: HolderView | None


class Selection(Body):
    """Jobs by what they have in common; everything named must hold."""

    all: bool = Field(default=False, description="Must be true when nothing else narrows it down.")
    ids: Ids | None = None
    job_type: Name | None = None
    queue_name: Name | None = None
    priority: JobPriority | None = None
    since: datetime | None = Field(default=None, description="Made at or after this time.")
    before: datetime | None = Field(default=None, description="Made before this time.")
    error: Annotated[str, Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="Text that the last error contains."
    )
    limit: int = Field(default=MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE, description="How many at most.")

    @model_validator(mode="after")
    def _says_what_it_means(self) -> Self:
        if self.where.is_open is not self.all:
            raise ValueError("narrow the jobs down, or say all: true; not both")
        return self

    @property
    def where(self) -> JobFilter:
        """Return the filter these words make."""
        return JobFilter(
            ids=None if self.ids is None else tuple(self.ids),
            job_type=self.job_type,
            queue=self.queue_name,
            priority=self.priority,
            since=self.since,
            before=self.before,
            error=self.error,
        )


class JobsToRetry(Selection):
    """Dead letters that are to be tried again."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"job_type": "SEND_EMAIL", "error": "connection refused", "spread_s": 600}}
    )

    spread_s: float = Field(
        default=0, ge=0, le=7 * 24 * 3600, description="Start them at random moments within so many seconds."
    )


class JobsToCancel(Selection):
    """Waiting jobs that are no longer wanted."""

    model_config = ConfigDict(json_schema_extra={"example": {"job_type": "SMART_REPLY", "before": "2026-03-03T10:00Z"}})


class ChangedView(View):
    """The jobs that were changed."""

    count: int
    ids: list[UUID]
    more: bool = Field(description="Whether there are more of them: ask again.")


class CauseView(View):
    """Dead letters of one type that ended for the same reason."""

    fingerprint: str = Field(description="Names the cause, the same in every answer.")
    job_type: str
    cause: str = Field(description="The error, with placeholders for what differs from job to job.")
    jobs: int
    first_seen: datetime
    last_seen: datetime
    sample: UUID = Field(description="The newest of them.")
    error: str = Field(description="Its error.")
