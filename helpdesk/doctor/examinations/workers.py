"""The worker processes, as they tell of themselves."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from helpdesk.doctor.examinations.program import product_version
from helpdesk.doctor.finding import Verdict, error, ok, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check

_ALIVE = """
SELECT kind, host, pid, version, state, running, capacity, types, stats
  FROM workers WHERE last_seen > now() - make_interval(secs => $1) ORDER BY kind, host, pid
"""
_KINDS = {
    "job": "Nothing is triaged, answered, sent or backed up.",
    "rag": "What is written is not found by searches.",
    "sla": "Nobody is told of promises that are due.",
}
# The SLA's minute may be started by a timer, in place of a worker.
_TICKED = "SELECT extract(epoch FROM now() - max(as_of))::float8 FROM sla_calendar_now"
_LAG_MS = 1000


@check("workers.alive", "whether a worker of each kind is alive", database=True)
async def alive(patient: Patient) -> Looked:
    """Count the workers that have told of themselves within a lease."""
    found = Counter(row["kind"] for row in await living(patient))
    async with patient.reading("atum_worker") as connection:
        ticked_s = await connection.fetchval(_TICKED)
    verdicts: list[Verdict] = []
    for kind, follows in _KINDS.items():
        if found[kind]:
            continue
        if kind == "sla" and ticked_s is not None and ticked_s < 3 * patient.settings.sla_tick_s:
            verdicts.append(ok("No SLA worker is alive, but something ticks in its place, such as a timer."))
            continue
        remedy = f"Start one: `systemctl start atum-desk-{kind}-worker`, or `python -m workers {kind}`."
        verdicts.append(error(f"No {kind} worker is alive. {follows}", remedy, kind=kind))
    if not verdicts:
        told = ", ".join(f"{found[kind]} {kind}" for kind in _KINDS)
        verdicts.append(ok(f"Workers are alive: {told}.", **found))
    return verdicts


async def living(patient: Patient) -> Sequence[Mapping[str, Any]]:
    """Return the rows of the workers that are alive."""
    async with patient.reading("atum_worker") as connection:
        rows: Sequence[Mapping[str, Any]] = await connection.fetch(_ALIVE, patient.settings.lease_timeout_s)
        return rows


@check("workers.versions", "whether all workers are of this version", database=True)
async def versions(patient: Patient) -> Looked:
    """Look for workers that an upgrade has left behind."""
    own = product_version()
    others = [row for row in await living(patient) if row["version"] != own]
    if others:
        told = ", ".join(f"{row['kind']} {row['version']} on {row['host']}" for row in others)
        remedy = "Restart them: `systemctl restart atum-desk.target`; while an upgrade is under way this passes."
        return warning(f"{len(others)} workers are not of version {own}: {told}.", remedy, others=len(others))
    return ok(f"All workers are of version {own}.", version=own)


@check("workers.health", "whether workers hang", database=True)
async def health(patient: Patient) -> Looked:
    """Look for handlers that ignore their timeouts, and event loops that are late."""
    found = []
    for row in await living(patient):
        stats = json.loads(row["stats"])
        where = f"The {row['kind']} worker {row['pid']} on {row['host']}"
        if stuck := stats.get("stuck"):
            remedy = "Look in its log for handler_stuck, then restart it; its jobs are taken by others."
            found.append(warning(f"{where} has {stuck} handlers that do not end.", remedy, stuck=stuck))
        if (lag := stats.get("loop_lag_ms") or 0) > _LAG_MS:
            remedy = "The host is overloaded, or a handler computes where it should not: see its log."
            found.append(warning(f"{where} is {lag:,.0f} ms late with everything.", remedy, loop_lag_ms=lag))
    return found or ok("No worker hangs.")
