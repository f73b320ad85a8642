"""What the queue does: throughput, waits, failures and rescues of the last hour, and what its workers tell."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.jobs import Worker

WINDOWS_MIN = (5, 15, 60)

# The last hour is at the end of the index on `finished_at`. The wait is that of the last try: `run_after` tells when it
# was due, and a retry moves it.
_ENDED = text("""
    SELECT job_type, priority, status,
           count(*) FILTER (WHERE finished_at > now() - interval '5 minutes') AS last_5,
           count(*) FILTER (WHERE finished_at > now() - interval '15 minutes') AS last_15,
           count(*) AS last_60,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
               ORDER BY greatest(extract(epoch FROM started_at - run_after), 0)) AS waits,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
               ORDER BY extract(epoch FROM finished_at - started_at)) AS runs
      FROM job_queue
     WHERE finished_at > now() - interval '60 minutes'
       AND (CAST(:organization_id AS uuid) IS NULL OR organization_id = :organization_id)
     GROUP BY GROUPING SETS ((job_type, priority, status), (job_type, status), (status))
""")

# What a job went through is only in its history; that of the last hour lies at the end of a table in order of time.
_EVENTS = text("""
    SELECT event,
           count(*) FILTER (WHERE created_at > now() - interval '5 minutes') AS last_5,
           count(*) FILTER (WHERE created_at > now() - interval '15 minutes') AS last_15,
           count(*) AS last_60
      FROM job_events
     WHERE created_at > now() - interval '60 minutes'
       AND (CAST(:organization_id AS uuid) IS NULL OR organization_id = :organization_id)
     GROUP BY event
""")


@dataclass(frozen=True)
class Window:
    """What ended within so many minutes, and what happened on the way.

    Attributes:
        per_second: completed jobs a second.
        failures: tries that a handler failed, whether another one follows or not.
        rescues: jobs taken back from a worker that died or hung.
    """

    minutes: int
    completed: int
    per_second: float
    dead_lettered: int
    cancelled: int
    retried: int
    failures: int
    rescues: int


@dataclass(frozen=True)
class Times:
    """Medians and 95th percentiles over the last hour, in seconds; None where nothing ended."""

    wait_p50_s: float | None = None
    wait_p95_s: float | None = None
    run_p50_s: float | None = None
    run_p95_s: float | None = None


@dataclass(frozen=True)
class TypeFigures:
    """The last hour of one job type, of one priority or of all (None)."""

    job_type: str
    priority: str | None
    completed: int
    dead_lettered: int
    cancelled: int
    times: Times


@dataclass(frozen=True)
class JobMetrics:
    """What a queue did in the last hour."""

    as_of: datetime
    windows: list[Window]
    times: Times
    by_type: list[TypeFigures] = field(default_factory=list)


async def metrics(session: AsyncSession, *, organization_id: UUID | None, now: datetime) -> JobMetrics:
    """Take the figures of the last hour.

    Args:
        organization_id: None takes everybody's, in a transaction of the worker role.
        now: when this was, by the database's clock.
    """
    values = {"organization_id": organization_id}
    ended = (await session.execute(_ENDED, values)).mappings().all()
    events = {row["event"]: row for row in (await session.execute(_EVENTS, values)).mappings()}
    totals = {row["status"]: row for row in ended if row["job_type"] is None}
    return JobMetrics(
        as_of=now,
        windows=[_window(minutes, totals, events) for minutes in WINDOWS_MIN],
        times=_times(totals.get("completed")),
        by_type=_by_type(row for row in ended if row["job_type"] is not None),
    )


async def worker_figures(session: AsyncSession, *, lease_timeout_s: float, now: datetime) -> dict[str, float]:
    """Add up what the living workers tell of themselves: counts as sums, ages and delays as the worst of them."""
    workers = (await session.scalars(select(Worker))).all()
    alive = [worker for worker in workers if (now - worker.last_seen).total_seconds() < lease_timeout_s]
    totals: dict[str, float] = {
        "workers": len(alive),
        "capacity": sum(worker.capacity for worker in alive),
        "running": sum(worker.running for worker in alive),
    }
    for worker in alive:
        for name, value in _numbers(worker.stats):
            worst = name.endswith(("_s", "_ms"))
            totals[name] = max(totals.get(name, value), value) if worst else totals.get(name, 0) + value
    return totals


def _numbers(stats: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, float]]:
    """Yield the numbers of a worker's account of itself; those of an inner object under both names."""
    for name, value in stats.items():
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float):
            yield f"{prefix}{name}", value
        elif isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{name}_")


def _window(minutes: int, ended: Mapping[str, RowMapping], events: Mapping[str, RowMapping]) -> Window:
    column = f"last_{minutes}"

    def jobs(status: str) -> int:
        return int(ended[status][column]) if status in ended else 0

    def times(event: str) -> int:
        return int(events[event][column]) if event in events else 0

    return Window(
        minutes=minutes,
        completed=jobs("completed"),
        per_second=round(jobs("completed") / (minutes * 60), 4),
        dead_lettered=jobs("dead_letter"),
        cancelled=jobs("cancelled"),
        retried=times("retried"),
        failures=times("retried") + times("dead_lettered"),
        rescues=times("rescued"),
    )


def _by_type(rows: Iterable[RowMapping]) -> list[TypeFigures]:
    counts: defaultdict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
    completed: dict[tuple[str, str | None], RowMapping] = {}
    for row in rows:
        key = (row["job_type"], row["priority"])
        counts[key][row["status"]] += row["last_60"]
        if row["status"] == "completed":
            completed[key] = row
    return [
        TypeFigures(
            job_type=job_type,
            priority=priority,
            completed=found["completed"],
            dead_lettered=found["dead_letter"],
            cancelled=found["cancelled"],
            times=_times(completed.get((job_type, priority))),
        )
        for (job_type, priority), found in sorted(counts.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    ]


def _times(row: RowMapping | None) -> Times:
    if row is None:
        return Times()
    waits, runs = row["waits"] or [None, None], row["runs"] or [None, None]
    return Times(*(None if value is None else round(float(value), 4) for value in (*waits, *runs)))
