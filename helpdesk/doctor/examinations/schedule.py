"""What is due at set times: whether it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from helpdesk.doctor.finding import ok, skipped, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check
from helpdesk.errors import HelpdeskError
from helpdesk.queue.cron import cron_of
from helpdesk.queue.fire import SINCE
from helpdesk.queue.schedule import GRACE, CronEntry
from helpdesk.queue.schedule_file import load_schedule

# The newest tick, else since when the entry is known.
_TAKEN = """
SELECT entry.name, now() AS now,
       coalesce((SELECT max(tick_at) FROM cron_ticks AS t WHERE t.name = entry.name),
                (SELECT min(tick_at) FROM cron_ticks AS t WHERE t.name = entry.name || $2)) AS taken
  FROM unnest($1::text[]) AS entry (name)
"""
_SHOWN = 5


@check("queue.schedule", "whether each scheduled job was enqueued when it was last due", database=True)
async def schedule(patient: Patient) -> Looked:
    """Look for ticks that nobody took."""
    try:
        entries = [entry for entry in load_schedule(patient.settings) if entry.enabled]
    except HelpdeskError:
        return skipped("The schedule cannot be read, see settings.agreement.")
    async with patient.reading("atum_worker") as connection:
        rows = await connection.fetch(_TAKEN, [entry.name for entry in entries], SINCE)
    taken = {row["name"]: row["taken"] for row in rows}
    if not any(taken.values()):
        return skipped("No job worker has looked at the schedule yet.")
    missed = list(_missed(entries, taken, now=rows[0]["now"]))
    if missed:
        told = ", ".join(f"{name} (last {_said(taken[name])})" for name in missed[:_SHOWN])
        more = f" and {len(missed) - _SHOWN} more" if len(missed) > _SHOWN else ""
        remedy = "Any job worker does it: start one, or look in its log for schedule_entry_refused."
        return warning(f"Scheduled jobs did not come when they were due: {told}{more}.", remedy, missed=missed)
    return ok(f"All {len(entries)} scheduled jobs came when they were last due.", entries=len(entries))


def _missed(entries: list[CronEntry], taken: Mapping[str, datetime | None], *, now: datetime) -> Iterator[str]:
    for entry in entries:
        since = taken[entry.name]
        if since is not None and cron_of(entry.cron, entry.zone).between(since, now - GRACE, most=1):
            yield entry.name


def _said(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
