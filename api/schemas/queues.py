"""The queue as a whole: its types, its figures, what is paused and limited, its workers and its schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.bodies import Body, View
from helpdesk.models.values import JobPriority, JobStatus, UserRole

Counts = dict[str, dict[JobStatus, int]]


class JobTypeView(View):
    """A job type: how its jobs are treated, and what they take."""

    job_type: str
    description: str
    queue_name: str
    priority: JobPriority
    max_retries: int
    timeout_s: int = Field(description="Seconds after which its handler is cancelled.")
    backoff_base_s: float = Field(description="Wait before the first retry, doubled with each, within half and 1.5.")
    backoff_cap_s: float
    backoff_steps_s: list[float] = Field(description="Fixed waits instead, the last one repeated.")
    limited_by: str | None = Field(description="What its number at a time over all workers is counted by.")
    slots: int | None = Field(description="How many at a time; null where nothing limits them.")
    enqueue_role: UserRole | None = Field(description="The least role that may enqueue it here; null: nobody may.")
    plugin: str | None = Field(description="The plug-in that brought it; null for the product's own.")
    paused: bool
    payload_schema: dict[str, Any] = Field(description="JSON Schema of `payload`.")


class LagView(View):
    """How long the oldest due job of a type and priority has waited."""

    job_type: str
    priority: JobPriority
    due: int
    oldest_due_s: float


class JobStatsView(View):
    """How the organisation's queue stands; `completed` counts the last 24 hours, the others all there are."""

    as_of: datetime = Field(description="Figures are kept for up to 5 seconds.")
    by_status: dict[JobStatus, int]
    by_type: Counts
    by_queue: Counts
    by_priority: Counts
    delayed: int = Field(description="Pending jobs that are not due yet.")
    oldest_due_s: float = Field(description="Seconds the longest waiting due job has waited.")
    lags: list[LagView]


class WindowView(View):
    """What ended within so many minutes, and what happened on the way."""

    minutes: int
    completed: int
    per_second: float
    dead_lettered: int
    cancelled: int
    retried: int
    failures: int = Field(description="Tries that a handler failed.")
    rescues: int = Field(description="Jobs taken back from a worker that died or hung.")


class TimesView(View):
    """Medians and 95th percentiles of the last hour's completed jobs, in seconds."""

    wait_p50_s: float | None = Field(description="From due to begun.")
    wait_p95_s: float | None
    run_p50_s: float | None
    run_p95_s: float | None


class TypeFiguresView(View):
    """The last hour of a job type, of one priority or of all."""

    job_type: str
    priority: JobPriority | None
    completed: int
    dead_lettered: int
    cancelled: int
    times: TimesView


class TableHealthView(View):
    """The state of the queue's table, and of what can hold its clean-up back."""

    live_rows: int
    dead_rows: int
    table_bytes: int
    horizon_age_s: float | None = Field(description="Age of the oldest transaction that keeps dead rows.")
    horizon_pid: int | None
    horizon_application: str | None
    horizon_state: str | None
    oldest_transaction_s: float | None
    prepared_transactions: int
    replication_slots: int
    replication_slots_lag: int
    sees_all: bool = Field(description="Whether the transactions of other programs are in sight.")


class JobMetricsView(View):
    """What the organisation's queue did in the last hour, and how far behind it is."""

    as_of: datetime = Field(description="Figures are kept for up to 5 seconds.")
    windows: list[WindowView] = Field(description="The last 5, 15 and 60 minutes.")
    times: TimesView
    by_type: list[TypeFiguresView]
    lags: list[LagView]
    oldest_due_s: float
    workers: dict[str, float] | None = Field(
        description="What the living workers tell of themselves, added up; `stale` are endings that came after the "
        "lease was lost. For administrators."
    )
    tables: TableHealthView | None = Field(description="How the queue's table does. For administrators.")


class WorkerView(View):
    """A worker process as it last told of itself."""

    id: UUID
    kind: str
    host: str
    pid: int
    liveness: Literal["alive", "late", "gone"] = Field(
        description="`late`: it has not told for two thirds of the lease and claims nothing; `gone`: its jobs are "
        "taken back."
    )
    state: str
    capacity: int
    running: int
    types: list[str] = Field(description="What it serves; empty means everything.")
    version: str
    started_at: datetime
    last_seen: datetime
    stats: dict[str, Any]


class CronView(View):
    """An entry of the schedule."""

    name: str
    cron: str
    zone: str
    missed: str = Field(description="What becomes of ticks that were missed.")
    scope: str = Field(description="Whether every organisation gets a job, or the operator's alone.")
    job_type: str
    enabled: bool
    last_tick: datetime | None
    next_tick: datetime | None


class PauseView(View):
    """Why nothing is taken for now."""

    paused_at: datetime
    paused_by: str | None
    reason: str | None


class PausableView(View):
    """A job type or a queue, and whether it is paused."""

    name: str
    paused: bool
    pause: PauseView | None


class QueueTypeView(PausableView):
    """A job type of a queue, with the organisation's jobs in it."""

    pending: int
    running: int


class QueueView(QueueTypeView):
    """A queue: a named set of job types."""

    types: list[QueueTypeView]


class Pause(Body):
    """Why nothing is to be taken."""

    reason: str | None = Field(default=None, min_length=1, max_length=500, examples=["The mail server is being moved."])


class LimitView(View):
    """How many jobs with a limit key run at a time, over all workers."""

    limit_key: str
    slots: int
    running: int
    pending: int


class NewLimit(Body):
    """How many jobs may run at a time."""

    slots: int = Field(ge=0, le=10_000, description="0 lets none run.")
