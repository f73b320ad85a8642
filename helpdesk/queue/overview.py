"""How the queue stands: counts in one grouped statement over partial indexes, never over all that is kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import JobStatus
from helpdesk.queue.filters import queue_of

# What has not completed is in one partial index, what ended in the last day at the end of another.
_COUNTS = text("""
    SELECT status, job_type, priority, count(*) AS jobs,
           count(*) FILTER (WHERE status = 'pending' AND run_after > now()) AS delayed,
           extract(epoch FROM now() - min(run_after) FILTER (WHERE status = 'pending' AND run_after <= now()))::float8
               AS oldest_due_s
      FROM job_queue
     WHERE status <> 'completed' AND (CAST(:organization_id AS uuid) IS NULL OR organization_id = :organization_id)
     GROUP BY status, job_type, priority
    UNION ALL
    SELECT status, job_type, priority, count(*), 0, NULL
      FROM job_queue
     WHERE finished_at > now() - interval '24 hours' AND status = 'completed'
       AND (CAST(:organization_id AS uuid) IS NULL OR organization_id = :organization_id)
     GROUP BY status, job_type, priority
""")


@dataclass(frozen=True)
class Lag:
    """How long the oldest due job of one type and priority has waited, in seconds, and how many are due."""

    job_type: str
    priority: str
    due: int
    oldest_due_s: float


@dataclass(frozen=True)
class JobStats:
    """How a queue stands; `completed` counts the last 24 hours, every other status all there are.

    Attributes:
        by_status: every status is named.
        delayed: pending jobs that are not due yet.
        oldest_due_s: seconds the longest waiting due job has waited, 0 when none does.
        lags: by type and priority, where something is due; the longest wait first.
    """

    as_of: datetime
    by_status: dict[str, int]
    by_type: dict[str, dict[str, int]] = field(default_factory=dict)
    by_queue: dict[str, dict[str, int]] = field(default_factory=dict)
    by_priority: dict[str, dict[str, int]] = field(default_factory=dict)
    delayed: int = 0
    oldest_due_s: float = 0.0
    lags: list[Lag] = field(default_factory=list)


async def stats(session: AsyncSession, *, organization_id: UUID | None, now: datetime) -> JobStats:
    """Count jobs by status, type, queue and priority.

    Args:
        organization_id: None counts everybody's, in a transaction of the worker role.
        now: when this was, by the database's clock.
    """
    by: dict[str, defaultdict[str, Counter[str]]] = {name: defaultdict(Counter) for name in ("type", "queue", "lane")}
    by_status = Counter(dict.fromkeys((str(status) for status in JobStatus), 0))
    lags, delayed = [], 0
    for row in await session.execute(_COUNTS, {"organization_id": organization_id}):
        by_status[row.status] += row.jobs
        delayed += row.delayed
        by["type"][row.job_type][row.status] += row.jobs
        by["queue"][queue_of(row.job_type) or "unknown"][row.status] += row.jobs
        by["lane"][row.priority][row.status] += row.jobs
        if row.oldest_due_s is not None:
            lags.append(Lag(row.job_type, row.priority, row.jobs - row.delayed, max(row.oldest_due_s, 0.0)))
    lags.sort(key=lambda lag: -lag.oldest_due_s)
    type_, queue, lane = ({key: dict(counts) for key, counts in sorted(by[name].items())} for name in by)
    return JobStats(
        as_of=now,
        by_status=dict(by_status),
        by_type=type_,
        by_queue=queue,
        by_priority=lane,
        delayed=delayed,
        oldest_due_s=lags[0].oldest_due_s if lags else 0.0,
        lags=lags,
    )
