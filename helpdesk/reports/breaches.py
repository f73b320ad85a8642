"""Why a promise was not kept: what the clock of a ticket counted, in sentences."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.models.values import ClockState
from helpdesk.reports.queries import BreachedClock
from helpdesk.sla.clocks.ledger import Ledger, read_ledgers
from helpdesk.sla.explaining.explanation import Interval, explain_clock
from helpdesk.sla.explaining.marks import Names
from helpdesk.sla.explaining.queries import names_of
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.clock import Clock, evaluate

_TICKETS_AT_A_TIME = 100
_DONE = {
    "first_response": "The first answer came",
    "next_response": "The answer came",
    "resolution": "The ticket was solved",
    "time_to_own": "Somebody took the ticket",
    "periodic_update": "The customer heard from an agent again",
}


@dataclass(frozen=True)
class Replayed:
    """A clock computed from its ticket's log."""

    clock: Clock
    calendar: Calendar
    names: Names
    as_of: datetime


@dataclass(frozen=True)
class Breach:
    """A promise that was not kept.

    Attributes:
        overdue_s: open seconds beyond the target, until it was done or until the report; None where the ticket's log
            does not tell.
        explanation: a few sentences, with times in the organisation's zone.
        replayed: the clock as its ticket's log has it, on its calendar, as of an instant; None as well.
    """

    clock: BreachedClock
    overdue_s: int | None
    explanation: str
    replayed: Replayed | None = field(repr=False)

    def intervals(self) -> tuple[Interval, ...]:
        """Return the stretches of the clock's life, one after the other: which counted, which did not and why."""
        if self.replayed is None:
            return ()
        one = self.replayed
        return explain_clock(one.clock, one.calendar, as_of=one.as_of, names=one.names).intervals


async def explain(
    session: AsyncSession,
    clocks: Sequence[BreachedClock],
    *,
    organization_id: UUID,
    zone: str,
    now: datetime,
) -> list[Breach]:
    """Replay the log of each clock's ticket, and tell what the clock counted until `now`."""
    by_ticket: dict[UUID, list[Replayed]] = {}
    tickets = list(dict.fromkeys(clock.ticket_id for clock in clocks))
    for first in range(0, len(tickets), _TICKETS_AT_A_TIME):
        some = tickets[first : first + _TICKETS_AT_A_TIME]
        ledgers = await read_ledgers(session, organization_id=organization_id, ticket_ids=some)
        keys = {key for ledger in ledgers.values() for key in ledger.policies}
        names = await names_of(session, organization_id=organization_id, keys=keys)
        # Off the event loop, which has leases to keep.
        by_ticket |= await asyncio.to_thread(_replay_all, ledgers, names, now)
    return [_breach(clock, by_ticket.get(clock.ticket_id, []), zone) for clock in clocks]


def _replay_all(ledgers: dict[UUID, Ledger], names: Names, now: datetime) -> dict[UUID, list[Replayed]]:
    return {ticket_id: _replay(ledger, names, now) for ticket_id, ledger in ledgers.items()}


def _replay(ledger: Ledger, names: Names, now: datetime) -> list[Replayed]:
    try:
        clocks = evaluate(ledger.events, ledger.policies, ledger.calendars, as_of=now)
        return [Replayed(clock, ledger.calendars[clock.calendar], names, now) for clock in clocks]
    except Invalid:
        # One ticket with a broken log must not keep the report from the others.
        return []


def _breach(stored: BreachedClock, replayed: list[Replayed], zone: str) -> Breach:
    which = (stored.metric, stored.instance)
    found = next((one for one in replayed if (one.clock.metric, one.clock.instance) == which), None)
    clock = found.clock if found else None
    said = " ".join(_sentences(stored, clock, ZoneInfo(zone)))
    return Breach(stored, clock.overdue_s if clock else None, said, found)


def _sentences(stored: BreachedClock, clock: Clock | None, zone: ZoneInfo) -> list[str]:
    said = [f"{duration(stored.target_s)} of open time were promised from {moment(stored.start_at, zone)}."]
    if clock is not None and (pause := _pauses(clock, stored.breached_at)):
        said.append(pause)
    said.append(f"They were used up on {moment(stored.breached_at, zone)}.")
    late = f", {duration(clock.overdue_s)} of open time late" if clock is not None else ""
    if stored.state == ClockState.CANCELLED:
        said.append("The promise was then withdrawn.")
    elif stored.stopped_at is not None:
        said.append(f"{_DONE.get(stored.metric, 'It was done')} on {moment(stored.stopped_at, zone)}{late}.")
    else:
        said.append(f"It is still open{late}.")
    if stored.assignee is None:
        said.append("Nobody is assigned.")
    return said


def _pauses(clock: Clock, until: datetime) -> str:
    """Tell how long statuses held the clock before its target was used up."""
    held = timedelta()
    statuses: dict[str, None] = {}
    for pause in clock.pauses:
        if pause.start < until:
            held += min(pause.end or until, until) - pause.start
            statuses[pause.status.replace("_", " ")] = None
    if not statuses:
        return ""
    return (
        f"The clock stood still for {duration(int(held.total_seconds()))} while the ticket was {', '.join(statuses)}."
    )


def duration(seconds: int) -> str:
    """Return an amount of time in words, such as `2 h 5 min`."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Return a time in a zone, such as `Tue 3 Mar 09:00`."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %H:%M}"
