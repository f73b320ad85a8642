"""The promises: whether somebody watches the time, and clocks that cannot be computed."""

from __future__ import annotations

from helpdesk.doctor.finding import error, ok, skipped, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check

# Every tick brings each calendar up to date that a running clock goes by.
_TICKS = """
SELECT extract(epoch FROM now() - max(as_of))::float8 AS age_s,
       (SELECT count(*) FROM sla_clocks WHERE next_threshold_at < now() - make_interval(secs => $1)) AS overdue
  FROM sla_calendar_now
"""
_FAILING = """
SELECT count(DISTINCT ticket_id) AS tickets, min(failing_since) AS since FROM sla_clocks WHERE failing_since IS NOT NULL
"""
_TICKS_MISSED = 3


@check("sla.ticks", "when the SLA's clocks were last looked at", database=True)
async def ticks(patient: Patient) -> Looked:
    """Look when the last tick was, and for thresholds that were crossed without being told."""
    late_s = _TICKS_MISSED * patient.settings.sla_tick_s
    async with patient.reading("atum_owner") as connection:
        row = await connection.fetchrow(_TICKS, late_s)
    if row["age_s"] is None:
        return skipped("There is no clock to watch.")
    figures = {"age_s": round(row["age_s"], 1), "overdue": row["overdue"]}
    remedy = "Start an SLA worker: `systemctl start atum-desk-sla-worker`; `atum-desk sla tick` does it once."
    if row["age_s"] > late_s:
        return error(f"The last SLA tick was {row['age_s']:,.0f} s ago.", remedy, **figures)
    if row["overdue"]:
        says = f"{row['overdue']:,} clocks have crossed a threshold that nobody was told of."
        return warning(says, "Look in the log of the SLA worker for sla_chunk_failed and sla_ticket_failed.", **figures)
    return ok(f"The last SLA tick was {row['age_s']:,.0f} s ago.", **figures)


@check("sla.failing", "whether every ticket's clocks can be computed", database=True)
async def failing(patient: Patient) -> Looked:
    """Count the tickets whose history cannot be replayed."""
    async with patient.reading("atum_owner") as connection:
        row = await connection.fetchrow(_FAILING)
    if not row["tickets"]:
        return ok("Every ticket's clocks can be computed.")
    says = f"The clocks of {row['tickets']:,} tickets cannot be computed, since {row['since']:%Y-%m-%d %H:%M} UTC."
    return warning(says, "`atum-desk sla prove` names them and what is wrong.", tickets=row["tickets"])
