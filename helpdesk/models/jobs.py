"""The job queue, its history and the workers on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    Index,
    Integer,
    Sequence,
    SmallInteger,
    Text,
    desc,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, PrimaryKey, one_of
from helpdesk.models.values import IndexAction, IndexStatus, JobPriority, JobStatus, SourceType

# A small, hot table: dead rows are cleaned early, and pages keep room for updates in place.
_HOT_TABLE = {
    "fillfactor": 80,
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_threshold": 500,
    "autovacuum_vacuum_cost_delay": 0,
}

_LIMITED = "(status = 'pending' AND limit_key IS NOT NULL AND crash_count < 2)"


class Job(Base):
    """A piece of work to be done once, later, by a worker."""

    __tablename__ = "job_queue"
    __table_args__ = (
        # The jobs of a type lie together, so that a type nobody takes costs the others nothing. Each of these four has
        # a predicate that only the statements meant for it name; by statistics the planner would take the wrong one.
        Index("ix_job_queue_claim", "job_type", "lane", "run_after", "id", postgresql_where=text("claimable")),
        Index(
            "ix_job_queue_org",
            "organization_id",
            "job_type",
            "lane",
            "run_after",
            "id",
            postgresql_where=text("claimable::int = 1"),
        ),
        Index(
            "ix_job_queue_limit",
            "limit_key",
            "job_type",
            "lane",
            "run_after",
            "id",
            postgresql_where=text(f"{_LIMITED}::int = 1"),
        ),
        Index(
            "ix_job_queue_limit_org",
            "limit_key",
            "organization_id",
            "job_type",
            "lane",
            "run_after",
            "id",
            postgresql_where=text(f"{_LIMITED}::text = 'true'"),
        ),
        Index("ix_job_queue_parent", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
        Index(
            "ix_job_queue_last_chance",
            "run_after",
            "id",
            postgresql_where=text("status = 'pending' AND crash_count >= 2"),
        ),
        Index("ix_job_queue_locked_at", "locked_at", postgresql_where=text("status = 'running'")),
        Index("ix_job_queue_status", "status", "run_after", postgresql_where=text("status <> 'completed'")),
        Index("ix_job_queue_finished_at", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index(
            "uq_job_queue_unique_key",
            "organization_id",
            "job_type",
            "unique_key",
            unique=True,
            postgresql_where=text("unique_key IS NOT NULL AND status IN ('pending', 'running')"),
        ),
        Index(
            "uq_job_queue_limit_slot",
            "limit_key",
            "limit_slot",
            unique=True,
            postgresql_where=text("(status = 'running' AND limit_key IS NOT NULL)::int = 1"),
        ),
        one_of("status", JobStatus),
        one_of("priority", JobPriority),
        # Lets every write be fenced by its lease without naming the status.
        CheckConstraint("(status = 'running') = (locked_by IS NOT NULL)", name="running_is_locked"),
        {"postgresql_with": _HOT_TABLE},
    )

    id: Mapped[PrimaryKey]
    organization_id: Mapped[UUID]
    job_type: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(server_default=JobStatus.PENDING)
    priority: Mapped[str] = mapped_column(server_default=JobPriority.NORMAL)
    locked_by: Mapped[UUID | None]
    locked_at: Mapped[datetime | None]
    run_after: Mapped[Moment]
    retry_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[str | None]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
    lane: Mapped[int] = mapped_column(
        SmallInteger,
        Computed("CASE priority WHEN 'high' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END", persisted=True),
    )
    lease: Mapped[int] = mapped_column(server_default=text("0"))
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    crash_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    max_retries: Mapped[int] = mapped_column(Integer, server_default=text("5"))
    timeout_s: Mapped[int | None] = mapped_column(Integer)
    unique_key: Mapped[str | None]
    limit_key: Mapped[str | None]
    limit_slot: Mapped[int | None] = mapped_column(Integer)
    cancel_requested_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    progress: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    trace_parent: Mapped[str | None]
    request_id: Mapped[str | None]
    parent_id: Mapped[UUID | None]
    # A job that crashed twice has its last try by itself, see `helpdesk.queue.last_chance`.
    claimable: Mapped[bool] = mapped_column(
        Computed("status = 'pending' AND limit_key IS NULL AND crash_count < 2", persisted=True)
    )


JOB_EVENT_IDS = Sequence("job_events_id_seq", metadata=Base.metadata)


class JobEvent(Base):
    """One transition of a job; appended in the statement that made it, dropped by whole days."""

    __tablename__ = "job_events"
    __table_args__ = (
        Index("ix_job_events_job_id", "job_id", "id"),
        # Rows lie in the order of time, so that a page in hundreds of thousands tells where the last hour begins.
        Index(
            "ix_job_events_created_at",
            "created_at",
            postgresql_using="brin",
            postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
        ),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )

    id: Mapped[int] = mapped_column(JOB_EVENT_IDS, server_default=JOB_EVENT_IDS.next_value(), primary_key=True)
    created_at: Mapped[Moment] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    job_id: Mapped[UUID]
    event: Mapped[str]
    attempt: Mapped[int | None] = mapped_column(Integer)
    worker: Mapped[UUID | None]
    detail: Mapped[str | None]


class Worker(Base):
    """A process that takes work, as it last told of itself."""

    __tablename__ = "workers"
    __table_args__ = ({"postgresql_with": {"fillfactor": 50}},)

    id: Mapped[PrimaryKey]
    kind: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[Moment]
    last_seen: Mapped[Moment]
    state: Mapped[str]
    capacity: Mapped[int] = mapped_column(Integer)
    running: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    types: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    version: Mapped[str]
    stats: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class JobPause(Base):
    """A job type or a queue that no worker takes from until it is resumed; for every organisation."""

    __tablename__ = "job_pauses"
    __table_args__ = (one_of("kind", ("type", "queue")),)

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    paused_at: Mapped[Moment]
    paused_by: Mapped[str | None]
    reason: Mapped[str | None]


class JobLimit(Base):
    """How many jobs with a limit key may run at a time, over all workers; stands in for what the job type says."""

    __tablename__ = "job_limits"
    __table_args__ = (CheckConstraint("slots BETWEEN 0 AND 10000", name="slots"),)

    limit_key: Mapped[str] = mapped_column(primary_key=True)
    slots: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[Moment]
    updated_by: Mapped[str | None]


class CronTick(Base):
    """A tick of a schedule that has been turned into a job; the key keeps it to one."""

    __tablename__ = "cron_ticks"

    name: Mapped[str] = mapped_column(primary_key=True)
    tick_at: Mapped[datetime] = mapped_column(primary_key=True)
    created_at: Mapped[Moment]


class IndexTask(Base):
    """A source whose index entry is out of date; one row a source, however often it changed."""

    __tablename__ = "rag_index_queue"
    __table_args__ = (
        Index("uq_rag_index_queue_source", "organization_id", "source_type", "source_id", unique=True),
        Index("ix_rag_index_queue_organization_id", "organization_id"),
        Index(
            "ix_rag_index_queue_claim",
            desc("priority"),
            "run_after",
            "id",
            postgresql_where=text("status = 'pending'"),
        ),
        Index("ix_rag_index_queue_locked_at", "locked_at", postgresql_where=text("status = 'running'")),
        one_of("source_type", SourceType),
        one_of("action", IndexAction),
        one_of("status", IndexStatus),
        CheckConstraint("(status = 'running') = (locked_by IS NOT NULL)", name="running_is_locked"),
        {"postgresql_with": _HOT_TABLE},
    )

    id: Mapped[PrimaryKey]
    organization_id: Mapped[UUID]
    source_type: Mapped[str]
    source_id: Mapped[UUID]
    action: Mapped[str] = mapped_column(server_default=IndexAction.UPSERT)
    priority: Mapped[int] = mapped_column(Integer, server_default=text("5"))
    status: Mapped[str] = mapped_column(server_default=IndexStatus.PENDING)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_error: Mapped[str | None]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    claimed_version: Mapped[int | None]
    # Since when the change waits, however often it was taken in hand and handed back.
    waiting_since: Mapped[Moment]
    run_after: Mapped[Moment]
    locked_by: Mapped[UUID | None]
    locked_at: Mapped[datetime | None]
    lease: Mapped[int] = mapped_column(server_default=text("0"))
    # Rescues of this row: a source that kills its worker three times is set aside.
    crash_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
