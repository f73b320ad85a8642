"""The job queue: served, in time, and without jobs that nobody tends to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from helpdesk.doctor.examinations.workers import living
from helpdesk.doctor.finding import Verdict, error, ok, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check
from helpdesk.queue.catalog import JOB_TYPES

# Jobs that are due and neither paused nor waiting for a slot of their own, by type.
_DUE = """
SELECT job_type, count(*) AS jobs, extract(epoch FROM now() - min(run_after))::float8 AS waited_s,
       bool_and(limit_key IS NOT NULL) AS limited
  FROM job_queue WHERE status = 'pending' AND run_after <= now() AND status <> 'completed'
 GROUP BY job_type ORDER BY waited_s DESC
"""
_PAUSES = "SELECT kind, name, paused_at, paused_by, reason FROM job_pauses ORDER BY kind, name"
# As the rescue sees them, and then some time for it to come by.
_LOST = """
SELECT 'job' AS what, job_type AS type, count(*) AS rows,
       extract(epoch FROM now() - min(least(locked_at, started_at + make_interval(secs => timeout_s))))::float8 AS for_s
  FROM job_queue
 WHERE status = 'running'
   AND (locked_at < now() - make_interval(secs => 2 * $1::float8)
        OR started_at < now() - make_interval(secs => timeout_s + 2 * $1::float8 + 120))
 GROUP BY job_type
 UNION ALL
SELECT 'index row', source_type, count(*), extract(epoch FROM now() - min(locked_at))::float8
  FROM rag_index_queue WHERE status = 'running' AND locked_at < now() - make_interval(secs => 2 * $1::float8)
 GROUP BY source_type ORDER BY rows DESC
"""
_DEAD = """
SELECT job_type, count(*) AS jobs, (array_agg(left(last_error, 200) ORDER BY finished_at DESC))[1] AS last_error
  FROM job_queue WHERE status = 'dead_letter' AND finished_at > now() - interval '24 hours'
 GROUP BY job_type ORDER BY jobs DESC
"""
_SHOWN = 5


@check("queue.served", "whether every job type that has jobs is served", database=True)
async def served(patient: Patient) -> Looked:
    """Look for job types with due jobs that no living worker takes."""
    due, paused = await _due(patient), await _paused(patient)
    workers = [row for row in await living(patient) if row["kind"] == "job"]
    taken = {name for row in workers for name in row["types"]}
    everything = any(not row["types"] for row in workers)
    left = [row for row in due if row["job_type"] not in taken | paused and not everything]
    if not left:
        return ok("Every job type that has jobs is served.")
    told = [f"{row['job_type']} ({row['jobs']:,})" for row in left]
    unknown = [row["job_type"] for row in left if row["job_type"] not in JOB_TYPES]
    if not workers:
        remedy = "Start a job worker: `systemctl start atum-desk-job-worker`."
    elif unknown:
        remedy = f"{', '.join(unknown)}: not of this version; is a plug-in missing in ATUM_PLUGINS?"
    else:
        remedy = "Let a job worker serve them: ATUM_WORKER_QUEUES leaves them out."
    return error(f"No worker takes {_some(told)}.", remedy, types=[row["job_type"] for row in left])


@check("queue.waiting", "how long due jobs have waited, by type", database=True)
async def waiting(patient: Patient) -> Looked:
    """Look for types whose oldest due job has waited for long."""
    paused = await _paused(patient)
    due = [row for row in await _due(patient) if row["job_type"] not in paused]
    late = [row for row in due if row["waited_s"] > patient.bounds.late_s]
    if not late:
        longest = max((row["waited_s"] for row in due), default=0.0)
        return ok(
            f"{sum(row['jobs'] for row in due):,} jobs are due, the oldest for {longest:,.0f} s.", oldest_s=longest
        )
    told = [f"{row['job_type']} for {row['waited_s'] / 60:,.0f} min ({row['jobs']:,})" for row in late]
    remedy = "Start more job workers, raise ATUM_MAX_CONCURRENT_JOBS, or look what they do: `atum-desk jobs stats`."
    if all(row["limited"] for row in late):
        remedy = "They wait for one of few slots: see `atum-desk jobs limit list`, and whether the models answer."
    tell = error if late[0]["waited_s"] > patient.bounds.far_too_late_s else warning
    return tell(f"Due jobs wait: {_some(told)}.", remedy, types={row["job_type"]: row["waited_s"] for row in late})


@check("queue.leases", "whether running jobs have a living worker", database=True)
async def leases(patient: Patient) -> Looked:
    """Look for jobs and index rows that run on although their lease or their time is long over."""
    async with patient.reading("atum_worker") as connection:
        lost = await connection.fetch(_LOST, patient.settings.lease_timeout_s)
    if not lost:
        return ok("Every running job has a worker that tends to it.")
    told = [f"{row['rows']} {row['what']}s of {row['type']}" for row in lost]
    remedy = "Workers take them back within a minute: start one, or look in its log for what keeps it from it."
    return error(f"Nobody tends to what is said to run: {_some(told)}.", remedy, rows=sum(row["rows"] for row in lost))


@check("queue.dead_letters", "which jobs were given up in the last 24 hours", database=True)
async def dead_letters(patient: Patient) -> Looked:
    """Count the dead letters of a day."""
    async with patient.reading("atum_worker") as connection:
        dead = await connection.fetch(_DEAD)
    if not dead:
        return ok("No job was given up in the last 24 hours.")
    jobs = sum(row["jobs"] for row in dead)
    told = [f"{row['jobs']} {row['job_type']} ({_first_line(row['last_error'])})" for row in dead]
    remedy = "`atum-desk jobs dead` groups them by cause; once it is gone, `atum-desk jobs retry` runs them again."
    types = {row["job_type"]: row["jobs"] for row in dead}
    return warning(f"{jobs:,} jobs were given up in the last 24 hours: {_some(told)}.", remedy, jobs=jobs, types=types)


@check("queue.pauses", "which queues and job types are paused", database=True)
async def pauses(patient: Patient) -> Looked:
    """Name what was paused by hand, and may have been forgotten."""
    async with patient.reading("atum_worker") as connection:
        rows = await connection.fetch(_PAUSES)
    return [_paused_by(row) for row in rows] or ok("No queue is paused.")


def _paused_by(row: Mapping[str, Any]) -> Verdict:
    who = f" by {row['paused_by']}" if row["paused_by"] else ""
    why = f": {row['reason']}" if row["reason"] else ""
    says = f"The {row['kind']} {row['name']} has been paused since {row['paused_at']:%Y-%m-%d %H:%M} UTC{who}{why}."
    return warning(says, f"When its reason is gone: `atum-desk jobs resume {row['name']}`.", name=row["name"])


async def _due(patient: Patient) -> Sequence[Mapping[str, Any]]:
    async with patient.reading("atum_worker") as connection:
        rows: Sequence[Mapping[str, Any]] = await connection.fetch(_DUE)
        return rows


async def _paused(patient: Patient) -> set[str]:
    """Return the job types that are paused, by themselves or with their queue."""
    async with patient.reading("atum_worker") as connection:
        rows = {(row["kind"], row["name"]) for row in await connection.fetch(_PAUSES)}
    with_queue = {name for name, args in JOB_TYPES.items() if ("queue", args.queue) in rows}
    return with_queue | {name for kind, name in rows if kind == "type"}


def _first_line(text: str | None) -> str:
    return (text or "no reason").strip().splitlines()[0][:120]


def _some(told: Sequence[str]) -> str:
    shown = "; ".join(told[:_SHOWN])
    return shown if len(told) <= _SHOWN else f"{shown}; and {len(told) - _SHOWN} more"
