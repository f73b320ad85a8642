"""How everything stands at a glance: what runs, what waits, what is due, and what went wrong last."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from helpdesk.ai.providers.probes.ollama import glance_at_ollama
from helpdesk.ai.providers.probes.openai import glance_at_openai
from helpdesk.backup.manifest import backup_folder, list_backups
from helpdesk.database.schema_version import state as schema_state
from helpdesk.doctor.examinations.answering import api_here
from helpdesk.doctor.examinations.program import product_version
from helpdesk.doctor.patient import DatabaseAway, Patient, in_thread
from helpdesk.settings import Settings

_LONGEST_S = 6.0

_SERVER = "SELECT current_setting('server_version') AS version, now() AS now"
_WORKERS = """
SELECT kind, host, pid, version, state, running, capacity,
       extract(epoch FROM now() - started_at)::float8 AS age_s,
       extract(epoch FROM now() - last_seen)::float8 AS seen_s
  FROM workers ORDER BY kind, host, pid
"""
# Whatever has not completed is in one partial index, and there is little of it.
_QUEUE = """
SELECT job_type, count(*) FILTER (WHERE status = 'pending' AND run_after <= now()) AS ready,
       count(*) FILTER (WHERE status = 'pending' AND run_after > now()) AS later,
       count(*) FILTER (WHERE status = 'running') AS running,
       count(*) FILTER (WHERE status = 'dead_letter') AS dead,
       extract(epoch FROM now() - min(run_after) FILTER (WHERE status = 'pending' AND run_after <= now()))::float8
           AS oldest_s
  FROM job_queue WHERE status <> 'completed' AND status <> 'cancelled'
 GROUP BY job_type ORDER BY oldest_s DESC NULLS LAST, job_type
"""
_INDEX = """
SELECT count(*) FILTER (WHERE status = 'pending') AS waiting, count(*) FILTER (WHERE status = 'running') AS running,
       count(*) FILTER (WHERE status = 'failed') AS failed,
       coalesce(extract(epoch FROM now() - min(waiting_since) FILTER (WHERE status <> 'failed')), 0)::float8 AS lag_s
  FROM rag_index_queue WHERE status <> 'done'
"""
_SLA = """
SELECT (SELECT count(*) FROM sla_clocks WHERE state = 'running') AS running,
       (SELECT count(*) FROM sla_clocks WHERE breached AND breached_at >= date_trunc('day', now())) AS breached_today,
       (SELECT min(due_at) FROM sla_clocks WHERE state = 'running' AND due_at > now()) AS next_due_at,
       (SELECT extract(epoch FROM now() - max(as_of))::float8 FROM sla_calendar_now) AS ticked_s
"""
_ERRORS = """
SELECT job_type, status, updated_at AS at, split_part(left(last_error, 300), E'\n', 1) AS error
  FROM job_queue WHERE status <> 'completed' AND last_error IS NOT NULL AND updated_at > now() - interval '24 hours'
 ORDER BY updated_at DESC LIMIT 5
"""


@dataclass(frozen=True)
class Standing:
    """How everything stands.

    Attributes:
        down: what does not run, in sentences; empty where all does.
        as_of: by the database's clock, else by this host's.
        database: where it is, its version, the schema's revision and the one wanted; `answers` tells whether it does.
        queue: job types that have jobs, those that wait longest first.
        models: what was asked of each runtime, with `verdict` and `told`.
        errors: the last failures of jobs, the newest first.
    """

    version: str
    as_of: datetime
    down: list[str]
    api: dict[str, Any]
    database: dict[str, Any]
    workers: list[dict[str, Any]] = field(default_factory=list)
    queue: list[dict[str, Any]] = field(default_factory=list)
    index: dict[str, Any] = field(default_factory=dict)
    sla: dict[str, Any] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=list)
    backups: dict[str, Any] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)


async def look_around(patient: Patient) -> Standing:
    """Ask every part how it stands; what is away says so, and the others are told all the same."""
    try:
        api, models, backups, database = await asyncio.gather(
            api_here(patient), _models(patient.settings), _backups(patient), _database(patient)
        )
    finally:
        await patient.leave()
    rows = database.pop("rows", {})
    as_of: datetime = database.pop("now", None) or patient.clock()
    lease_s = patient.settings.lease_timeout_s
    workers = [dict(row) | {"alive": row["seen_s"] < lease_s} for row in rows.get("workers", ())]
    found = Standing(
        version=product_version(),
        as_of=as_of,
        down=[],
        api=asdict(api),
        database=database,
        workers=workers,
        queue=[dict(row) for row in rows.get("queue", ())],
        index=dict(rows["index"][0]) if rows else {},
        sla=dict(rows["sla"][0]) if rows else {},
        models=models,
        backups=backups,
        errors=[dict(row) for row in rows.get("errors", ())],
    )
    found.down.extend(name_down(found, tick_s=patient.settings.sla_tick_s))
    return found


def name_down(found: Standing, *, tick_s: float) -> list[str]:
    """Name what does not run, in sentences."""
    told = []
    if found.api["expected"] and not found.api["answers"]:
        told.append(f"The API does not answer at {found.api['url']}.")
    if not found.database["answers"]:
        return [*told, found.database["says"]]
    if found.database["verdict"] != "ok":
        return [*told, found.database["says"]]
    alive = {worker["kind"] for worker in found.workers if worker["alive"]}
    ticked_s = found.sla["ticked_s"]
    if ticked_s is not None and ticked_s < 3 * tick_s:
        # Something ticks, such as a timer.
        alive.add("sla")
    told += [f"No {kind} worker is alive." for kind in ("job", "rag", "sla") if kind not in alive]
    told += [f"Models: {model['told']}." for model in found.models if model["verdict"] == "unusable"]
    return told


async def _models(settings: Settings) -> list[dict[str, Any]]:
    try:
        async with asyncio.timeout(_LONGEST_S):
            findings = [*await glance_at_ollama(settings), *await glance_at_openai(settings)]
    except TimeoutError:
        return [{"probe": "reachable", "verdict": "unusable", "told": "the model runtime takes too long to answer"}]
    return [{"probe": each.probe, "verdict": each.verdict, "told": each.told.rstrip(".")} for each in findings]


async def _backups(patient: Patient) -> dict[str, Any]:
    folder = backup_folder(patient.settings)
    try:
        async with asyncio.timeout(_LONGEST_S):
            backups = await in_thread(lambda: list_backups(folder))
    except (TimeoutError, OSError) as failure:
        return {"folder": str(folder), "count": None, "problem": str(failure) or type(failure).__name__}
    newest = backups[0].manifest.created_at if backups else None
    return {"folder": str(folder), "count": len(backups), "newest_at": newest}


async def _database(patient: Patient) -> dict[str, Any]:
    place: dict[str, Any] = {"place": patient.place, "answers": False}
    try:
        async with asyncio.timeout(_LONGEST_S):
            async with patient.reading(None) as connection:
                server = await connection.fetchrow(_SERVER)
                schema = await schema_state(connection)
            place |= {
                "answers": True,
                "server_version": server["version"].split()[0],
                "now": server["now"],
                "schema": schema.current,
                "wanted": schema.wanted,
                "verdict": schema.verdict,
                "says": schema.sentence,
            }
            if schema.verdict == "ok":
                async with patient.reading("atum_owner") as connection:
                    place["rows"] = await _rows(connection)
    except DatabaseAway as away:
        return place | {"says": away.detail}
    except (TimeoutError, asyncpg.PostgresError) as failure:
        says = f"PostgreSQL at {patient.place} cannot be asked: {type(failure).__name__}."
        return place | {"answers": False, "says": says}
    return place


async def _rows(connection: asyncpg.Connection) -> dict[str, Sequence[Mapping[str, Any]]]:
    asked = {"workers": _WORKERS, "queue": _QUEUE, "index": _INDEX, "sla": _SLA, "errors": _ERRORS}
    return {name: await connection.fetch(statement) for name, statement in asked.items()}
