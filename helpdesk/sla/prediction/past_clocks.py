"""Clocks of the past as rows to learn from: each at moments of its life, with what was known then and how it went.

A broken promise is known the moment it breaks, a kept one when it is kept, and so among young clocks those that are
decided are mostly kept ones. To learn from them as they come would teach that all goes well. A clock therefore counts
only from when it would have been decided either way: when its target would have been used up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.sla.clocks.ledger import Ledger, sort_ledgers
from helpdesk.sla.prediction.desk import Desk, read_desk
from helpdesk.sla.prediction.estimating.table import Lesson, lesson_of
from helpdesk.sla.prediction.features import table_of
from helpdesk.sla.prediction.moments import Logs, Seen, see, zone_of
from helpdesk.sla.prediction.ticket_facts import facts_at
from helpdesk.sla.rules.calendar import CalendarNeverOpen

# The newest tell most, and more take long to replay.
MOST_CLOCKS = 20_000
# Hours of a clock's life at which it is looked at, and at how many entries of its ticket's log besides.
HOURS = (0, 1, 4, 24, 72)
_MOST_EVENTS = 4
_TICKETS_AT_ONCE = 400
_DAY_S = 86400.0

_COUNT = text("""
    SELECT count(*) FROM (
        SELECT FROM sla_clocks
         WHERE organization_id = :organization_id AND outcome IN ('met', 'breached') AND stopped_at < :now
         LIMIT :most) AS ended
""")
_PAST = text("""
    SELECT ticket_id, metric, instance, start_at, breached,
           CASE WHEN breached THEN breached_at ELSE stopped_at END AS decided_at
      FROM sla_clocks
     WHERE organization_id = :organization_id AND (breached OR outcome = 'met') AND start_at < :now
       AND CASE WHEN breached THEN breached_at ELSE stopped_at END < :now
     ORDER BY start_at DESC, id
     LIMIT :most
""")

Run = Callable[..., Awaitable[list["Row"]]]
Tell = Callable[[float], Awaitable[None]]


@dataclass(frozen=True)
class PastClock:
    """A clock of which is known whether it breached."""

    ticket_id: UUID
    metric: str
    instance: int
    start_at: datetime
    breached: bool
    decided_at: datetime

    @property
    def key(self) -> tuple[UUID, str, int]:
        """Return what names the clock."""
        return self.ticket_id, self.metric, self.instance


@dataclass(frozen=True)
class Row:
    """A moment of a past clock.

    Attributes:
        known_at: from when on it may be learnt from.
    """

    seen: Seen
    breached: bool
    known_at: datetime


async def count_ended(session: AsyncSession, *, organization_id: UUID, now: datetime, most: int) -> int:
    """Return how many clocks have ended, `most` at most."""
    values = {"organization_id": organization_id, "now": now, "most": most}
    return int(await session.scalar(_COUNT, values) or 0)


async def past_rows(
    database: Database,
    *,
    organization_id: UUID,
    now: datetime,
    run: Run,
    tell: Tell,
    most: int = MOST_CLOCKS,
) -> list[Row]:
    """Return the moments of the newest past clocks, in short transactions.

    Args:
        run: calls a plain function with its arguments, in a thread.
        tell: is told the share that is done.
    """
    async with database.transaction(organization_id) as session:
        values = {"organization_id": organization_id, "now": now, "most": most}
        clocks = [PastClock(*row) for row in await session.execute(_PAST, values)]
        if not clocks:
            return []
        zone = await zone_of(session, organization_id=organization_id)
        first = min(clock.start_at for clock in clocks)
        desk = await read_desk(session, organization_id=organization_id, first=first, last=now)
    by_ticket: dict[UUID, list[PastClock]] = defaultdict(list)
    for clock in clocks:
        by_ticket[clock.ticket_id].append(clock)
    rows: list[Row] = []
    tickets = sorted(by_ticket)
    for place in range(0, len(tickets), _TICKETS_AT_ONCE):
        some = tickets[place : place + _TICKETS_AT_ONCE]
        async with database.transaction(organization_id) as session:
            ledgers, _ = await sort_ledgers(session, organization_id=organization_id, ticket_ids=some)
            asked = sorted(
                {(ticket, at) for ticket, ledger in ledgers.items() for at in moments_of(ledger, by_ticket[ticket])}
            )
            logs = Logs(asked, await facts_at(session, organization_id=organization_id, asked=asked), ledgers)
        rows += await run(rows_of, logs, desk, zone, [clock for ticket in some for clock in by_ticket[ticket]], now)
        await tell((place + len(some)) / len(tickets))
    return rows


def moments_of(ledger: Ledger, clocks: Iterable[PastClock]) -> set[datetime]:
    """Return when to look at the clocks of a ticket."""
    return {at for clock in clocks for at in _moments(ledger, clock)}


def rows_of(logs: Logs, desk: Desk, zone: ZoneInfo, clocks: Sequence[PastClock], now: datetime) -> list[Row]:
    """Return the rows of clocks whose logs were read; those that could not have been decided by now are left out."""
    past = {clock.key: clock for clock in clocks}
    lives: dict[tuple[UUID, str, int], list[Seen]] = defaultdict(list)
    for seen in see(logs, desk, zone):
        clock = past.get(seen.key)
        if clock is not None and seen.at < clock.decided_at and seen.features.used <= 1:
            lives[seen.key].append(seen)
    found = []
    for key, life in lives.items():
        clock, known_at = past[key], _known_at(past[key], life[0])
        if known_at is not None and known_at <= now:
            own = set(_moments(logs.ledgers[clock.ticket_id], clock))
            found += [Row(seen, clock.breached, known_at) for seen in life if seen.at in own]
    return found


def lesson_from(rows: Sequence[Row]) -> Lesson:
    """Return rows as the estimator learns from them."""
    return lesson_of(
        table_of([row.seen.features for row in rows]),
        np.array([row.seen.at.timestamp() / _DAY_S for row in rows]),
        np.array([float(row.breached) for row in rows]),
        np.array([row.known_at.timestamp() / _DAY_S for row in rows]),
    )


def _moments(ledger: Ledger, clock: PastClock) -> Iterator[datetime]:
    """Yield the moments of a clock before it was decided."""
    for hours in HOURS:
        if (at := clock.start_at + timedelta(hours=hours)) < clock.decided_at:
            yield at
    events = [event.at for event in ledger.events if clock.start_at < event.at < clock.decided_at]
    yield from events[:_MOST_EVENTS]


def _known_at(clock: PastClock, first: Seen) -> datetime | None:
    """Return when a clock would have been decided either way, as far as could be told when it began."""
    try:
        due_at = first.calendar.advance(first.at, first.target_s - first.elapsed_s)
    except CalendarNeverOpen:
        return None
    return max(clock.decided_at, due_at)
