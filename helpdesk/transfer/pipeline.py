"""How far the pipeline is with what an organisation asked of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

INDEX_STAGE = "index"
_WINDOW_S = 60.0
_WORKER_GONE_S = 90

_CLOCK = text("SELECT clock_timestamp()")

# Figures of a bucket that has not ended belong to no import, so their job is not waited for.
_JOBS = text("""
    SELECT job_type AS name,
           count(*) FILTER (WHERE status = 'pending') AS pending,
           count(*) FILTER (WHERE status = 'running') AS running,
           count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE status = 'dead_letter') AS dead,
           min(finished_at) AS first_at, max(finished_at) AS last_at
      FROM job_queue
     WHERE organization_id = :organization_id
       AND (status IN ('pending', 'running') OR finished_at >= :since)
       AND NOT (job_type = 'METRICS_SNAPSHOT' AND status = 'pending' AND run_after > now())
     GROUP BY job_type ORDER BY job_type
""")

_INDEX = text("""
    SELECT count(*) FILTER (WHERE status = 'pending') AS pending,
           count(*) FILTER (WHERE status = 'running') AS running,
           count(*) FILTER (WHERE status = 'done') AS completed, 0 AS cancelled,
           count(*) FILTER (WHERE status = 'failed') AS dead,
           min(updated_at) FILTER (WHERE status IN ('done', 'failed')) AS first_at,
           max(updated_at) FILTER (WHERE status IN ('done', 'failed')) AS last_at
      FROM rag_index_queue
     WHERE organization_id = :organization_id AND (status IN ('pending', 'running') OR updated_at >= :since)
""")

_WORKERS = text("SELECT DISTINCT kind FROM workers WHERE last_seen > now() - make_interval(secs => :gone)")


@dataclass(frozen=True)
class Stage:
    """One kind of work: a job type, or the index.

    Attributes:
        completed, cancelled, dead: how many ended so since the import began.
        first_at, last_at: when the first and the last of them ended (UTC).
    """

    name: str
    pending: int
    running: int
    completed: int
    cancelled: int
    dead: int
    first_at: datetime | None
    last_at: datetime | None

    @property
    def waiting(self) -> int:
        """Return how many have not ended."""
        return self.pending + self.running

    @property
    def ended(self) -> int:
        """Return how many have ended, however."""
        return self.completed + self.cancelled + self.dead


@dataclass(frozen=True)
class Pipeline:
    """All kinds of work at one time.

    Attributes:
        workers: kinds of worker that are alive.
    """

    stages: tuple[Stage, ...]
    workers: frozenset[str]

    @property
    def waiting(self) -> int:
        """Return how many pieces of work have not ended."""
        return sum(stage.waiting for stage in self.stages)

    @property
    def dead(self) -> int:
        """Return how many pieces of work were given up."""
        return sum(stage.dead for stage in self.stages)

    @property
    def missing_workers(self) -> tuple[str, ...]:
        """Return the kinds of worker that there is work for and that nobody runs."""
        needed = {"rag" if stage.name == INDEX_STAGE else "job" for stage in self.stages if stage.waiting}
        return tuple(sorted(needed - self.workers))


async def database_clock(session: AsyncSession) -> datetime:
    """Return the time on the database's clock (UTC), which stamps all that happens to a job."""
    now: datetime = (await session.execute(_CLOCK)).scalar_one()
    return now


async def read_pipeline(session: AsyncSession, *, organization_id: UUID, since: datetime) -> Pipeline:
    """Return what waits, and what has ended since a time.

    Jobs are read before the index: a job that ends in between has queued its source by then, so nothing looks done
    that is not.
    """
    values = {"organization_id": organization_id, "since": since}
    jobs = (await session.execute(_JOBS, values)).mappings().all()
    index = (await session.execute(_INDEX, values)).mappings().one()
    workers = await session.scalars(_WORKERS, {"gone": _WORKER_GONE_S})
    stages = [Stage(**row) for row in jobs]
    return Pipeline((*stages, Stage(name=INDEX_STAGE, **index)), frozenset(workers))


@dataclass
class Pace:
    """Tells from the last minute how long the rest will take."""

    _seen: deque[tuple[float, dict[str, int]]] = field(default_factory=deque)

    def seconds_left(self, stages: Iterable[Stage], *, at: float) -> float | None:
        """Return the seconds until the slowest stage is through at its present rate; None where nothing has moved.

        A stage that has not begun to move waits for the others, so it is through when all work is.

        Args:
            at: monotonic time of the stages, in seconds.
        """
        now = {stage.name: stage for stage in stages}
        self._seen.append((at, {name: stage.ended for name, stage in now.items()}))
        while len(self._seen) > 2 and self._seen[1][0] < at - _WINDOW_S:
            self._seen.popleft()
        then, before = self._seen[0]
        ended = {name: stage.ended - before.get(name, 0) for name, stage in now.items()}
        if not any(stage.waiting for stage in now.values()):
            return 0.0
        if sum(ended.values()) <= 0:
            return None
        paces = [(stage.waiting, ended[name]) for name, stage in now.items() if ended[name] > 0]
        paces.append((sum(stage.waiting for stage in now.values()), sum(ended.values())))
        return max(waiting * (at - then) / moved for waiting, moved in paces)
