"""The next openings of a calendar on the terminal."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from helpdesk.cli.connection import run
from helpdesk.cli.organization import chosen_organization
from helpdesk.database.engine import Database, transaction_time
from helpdesk.sla.calendars.preview import CalendarPreview, Maker, Opening, preview
from helpdesk.sla.calendars.queries import calendar_by_name


def print_openings(name: str, *, start: datetime | None, count: int, organization: str | None) -> None:
    """Print when a calendar opens next, on its own clock; a time without an offset is meant on it, too."""
    shown = run(lambda database: _look(database, organization, name, start, count))
    zone = ZoneInfo(shown.timezone)
    lines = [(opening.opens_at or shown.start, _line(opening)) for opening in shown.openings]
    lines += [
        (datetime.combine(each.day, time(), zone), f"{each.day:%a %Y-%m-%d} closed  ({each.holiday or 'exception'})")
        for each in shown.exceptions
        if not each.windows
    ]
    for _, line in sorted(lines):
        print(line)
    at = shown.start.astimezone(zone)
    print(f"{shown.timezone}; {'open' if shown.open_at_start else 'closed'} at {at:%a %Y-%m-%d %H:%M %z}")


async def _look(
    database: Database, organization: str | None, name: str, start: datetime | None, count: int
) -> CalendarPreview:
    home = await chosen_organization(database, organization)
    async with database.snapshot(home.id) as session:
        now = await transaction_time(session)
        calendar = await calendar_by_name(session, organization_id=home.id, name=name)
    begin = start or now
    if begin.tzinfo is None:
        begin = begin.replace(tzinfo=ZoneInfo(calendar.timezone))
    return preview(calendar.hours(), start=begin, count=count, names=calendar.holiday_names())


def _line(opening: Opening) -> str:
    opens = "since long ago" if opening.opens_local is None else f"{opening.opens_local:%a %Y-%m-%d %H:%M %z}"
    return f"{opens} to {_end(opening)}  ({', '.join(dict.fromkeys(map(_maker, opening.made_by)))})"


def _end(opening: Opening) -> str:
    if opening.closes_local is None:
        return "no end in sight"
    same_day = opening.opens_local is not None and opening.opens_local.date() == opening.closes_local.date()
    return f"{opening.closes_local:%H:%M %z}" if same_day else f"{opening.closes_local:%a %Y-%m-%d %H:%M %z}"


def _maker(maker: Maker) -> str:
    return maker.holiday or maker.reason.replace("_", " ")
