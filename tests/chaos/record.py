"""What the database and the handlers' marks say afterwards, put together for the checks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from tests.chaos.ground import Ground
from tests.chaos.ledger import Ledger
from tests.chaos.marks import Mark, read_marks

_JOBS = """
SELECT id, job_type, status, attempts, lease, retry_count, crash_count, max_retries, last_error, locked_by, limit_key,
       limit_slot
  FROM job_queue WHERE payload ->> 'fault' = $1 AND job_type <> 'CHAOS_FLOOD'
"""
_EVENTS = """
SELECT event.id, event.job_id, event.event, event.attempt, event.worker, event.detail,
       extract(epoch FROM event.created_at)::float8 AS wall
  FROM job_events AS event JOIN job_queue AS job ON job.id = event.job_id
 WHERE job.payload ->> 'fault' = $1 AND job.job_type <> 'CHAOS_FLOOD' ORDER BY event.id
"""
_EFFECTS = """
SELECT effect.job, effect.lease, effect.worker FROM chaos_effects AS effect
  LEFT JOIN job_queue AS job ON job.id = effect.job WHERE job.id IS NULL OR job.payload ->> 'fault' = $1
"""


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as the table has it."""

    id: UUID
    job_type: str
    status: str
    attempts: int
    lease: int
    retry_count: int
    crash_count: int
    max_retries: int
    last_error: str | None
    locked_by: UUID | None
    limit_key: str | None = None
    limit_slot: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One transition of a job's history; `wall` is the database's clock."""

    id: int
    job_id: UUID
    event: str
    attempt: int | None
    worker: UUID | None
    detail: str | None
    wall: float


@dataclass(frozen=True, slots=True)
class Effect:
    """A row that a handler wrote in the transaction that completed its job."""

    job: UUID
    lease: int
    worker: UUID


@dataclass(frozen=True, slots=True)
class Reach:
    """A time (the database's clock) in which a lease may be lost because of a fault.

    Attributes:
        workers: whose leases; None means anybody's.
    """

    begins: float
    ends: float
    workers: frozenset[UUID] | None = None

    def covers(self, event: Event) -> bool:
        """Return whether the fault explains that a worker lost its lease."""
        mine = self.workers is None or event.worker in self.workers
        return mine and self.begins <= event.wall <= self.ends


@dataclass
class Record:
    """Everything the checks look at.

    Attributes:
        reaches: what explains the loss of a lease.
        frozen_at: when a worker stood still, by the clock of the marks; what it runs then is not running.
        died_at: when a worker's process was gone, by the clock of the marks.
        slots: most jobs at a time, by limit key.
        seen_running: most running jobs ever seen in the table, by limit key.
    """

    ledger: Ledger
    jobs: dict[UUID, JobRow]
    events: dict[UUID, list[Event]]
    marks: dict[UUID, list[Mark]]
    effects: list[Effect]
    reaches: list[Reach] = field(default_factory=list)
    died_at: dict[UUID, float] = field(default_factory=dict)
    slots: dict[str, int] = field(default_factory=dict)
    seen_running: dict[str, int] = field(default_factory=dict)


async def read_record(ground: Ground, ledger: Ledger) -> Record:
    """Read what there is about the jobs of a fault."""
    jobs = [JobRow(**dict(row)) for row in await ground.fetch(_JOBS, ledger.fault)]
    events = [Event(**dict(row)) for row in await ground.fetch(_EVENTS, ledger.fault)]
    effects = [Effect(**dict(row)) for row in await ground.fetch(_EFFECTS, ledger.fault)]
    ours = {job.id for job in jobs} | ledger.known().keys() | ledger.never
    marks = [mark for mark in read_marks(ground.marks) if mark.job in ours]
    return Record(ledger, {job.id: job for job in jobs}, by_job(events, "job_id"), by_job(marks, "job"), effects)


def by_job(things: Iterable[Event] | Iterable[Mark], name: str) -> dict[UUID, list]:  # type: ignore[type-arg]
    """Return things by job, each list in the order given."""
    lists: defaultdict[UUID, list[Event | Mark]] = defaultdict(list)
    for thing in things:
        lists[getattr(thing, name)].append(thing)
    return dict(lists)
