"""Clocks and time zones, of this host and of the database."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from helpdesk.doctor.finding import error, ok, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check

# In each half of this year, so that a changed rule for summer time is seen.
_ZONES = """
SELECT zone.name, known.name IS NOT NULL AS known,
       extract(epoch FROM (timezone(zone.name, $2::timestamptz) - timezone('UTC', $2::timestamptz)))::int AS early_s,
       extract(epoch FROM (timezone(zone.name, $3::timestamptz) - timezone('UTC', $3::timestamptz)))::int AS late_s
  FROM unnest($1::text[]) AS zone (name) JOIN pg_timezone_names known ON known.name = zone.name
"""
_USED = """
SELECT DISTINCT timezone FROM sla_calendar_versions
 UNION SELECT DISTINCT timezone FROM organizations
"""
_ALWAYS = ("Europe/Vienna", "America/New_York", "Asia/Kolkata", "Australia/Sydney")


@check("time.clock", "whether this host and the database agree on the time", database=True)
async def clock(patient: Patient) -> Looked:
    """Compare both clocks, less the time of the way there and back."""
    async with patient.reading(None) as connection:
        began, before = time.perf_counter(), patient.clock()
        theirs: datetime = await connection.fetchval("SELECT clock_timestamp()")
        trip = timedelta(seconds=time.perf_counter() - began)
    ahead = (before + trip / 2 - theirs).total_seconds()
    off = max(0.0, abs(ahead) - trip.total_seconds() / 2)
    figures = {"ahead_s": round(ahead, 3)}
    says = f"This host's clock is {abs(ahead):.3f} s {'ahead of' if ahead > 0 else 'behind'} the database's."
    remedy = "Let both hosts take the time from NTP (Debian: `apt install systemd-timesyncd`)."
    if off > patient.bounds.clock_wrong_s:
        return error(f"{says} Tokens, retries and what a model is told of the time are wrong.", remedy, **figures)
    if off > patient.bounds.clock_off_s:
        return warning(says, remedy, **figures)
    return ok(says, **figures)


@check("time.zones", "whether time zones are known here and in the database, and the same", database=True)
async def zones(patient: Patient) -> Looked:
    """Compare the rules of the zones that calendars and organisations use."""
    year = patient.clock().year
    early, late = datetime(year, 1, 15, 12, tzinfo=UTC), datetime(year, 7, 15, 12, tzinfo=UTC)
    async with patient.reading("atum_owner") as connection:
        used = sorted({row["timezone"] for row in await connection.fetch(_USED)} | set(_ALWAYS))
        theirs = {
            row["name"]: (row["early_s"], row["late_s"]) for row in await connection.fetch(_ZONES, used, early, late)
        }
    here = {name: _offsets(name, early, late) for name in used}
    remedy = "Bring tzdata up to date on this host and on that of the database (Debian: `apt install tzdata`)."
    if unknown := [name for name in used if here[name] is None or name not in theirs]:
        where = "here" if here[unknown[0]] is None else "to the database"
        says = f"Time zones are not known {where}: {', '.join(unknown)}."
        return error(says, f"{remedy} A calendar of another zone has to be given one that is known.", unknown=unknown)
    if different := [name for name in used if here[name] != theirs[name]]:
        return warning(
            f"Here and in the database the time differs in {', '.join(different)}.", remedy, different=different
        )
    return ok(f"{len(used)} time zones are known here and in the database, and are the same.", zones=len(used))


def _offsets(name: str, early: datetime, late: datetime) -> tuple[int, int] | None:
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    first, second = (moment.astimezone(zone).utcoffset() or timedelta() for moment in (early, late))
    return int(first.total_seconds()), int(second.total_seconds())
