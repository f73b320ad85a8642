"""The minute: tell what has crossed a threshold, and bring the time left of every clock up to date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.sla import CalendarNow
from helpdesk.sla.announcing import BREACH_LEVEL, announce
from helpdesk.sla.commands import store_clocks
from helpdesk.sla.ledger import calendar_of, read_ledgers

# The ticket is what is locked, as every command on it does first; SKIP LOCKED: two ticks may overlap, each takes the
# tickets the other has not, and what a command holds is in step when it commits.
_DUE = text("""
    SELECT id FROM tickets
     WHERE organization_id = :organization_id
       AND id = ANY (ARRAY(
               SELECT ticket_id FROM sla_clocks
                WHERE organization_id = :organization_id AND next_threshold_at <= :now
                ORDER BY next_threshold_at LIMIT :limit))
     ORDER BY id
       FOR UPDATE SKIP LOCKED
""")
# A handful however many clocks run: each of them counts by one of these.
_VERSIONS = text("SELECT id FROM sla_calendar_versions WHERE organization_id = :organization_id ORDER BY id")
_OPEN_TICKETS = text("""
    SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM sla_clocks c WHERE c.ticket_id = t.id)) AS without_clock,
           (SELECT count(*) FROM sla_clocks WHERE organization_id = :organization_id AND state = 'paused') AS paused
      FROM tickets t
     WHERE t.organization_id = :organization_id AND t.status NOT IN ('solved', 'closed')
""")


@dataclass(frozen=True)
class Tick:
    """What one chunk of a tick did: tickets looked at, and levels told."""

    processed: int = 0
    warned_75: int = 0
    warned_90: int = 0
    breached: int = 0
    warned_other: int = 0

    def __add__(self, other: Tick) -> Tick:
        return Tick(
            self.processed + other.processed,
            self.warned_75 + other.warned_75,
            self.warned_90 + other.warned_90,
            self.breached + other.breached,
            self.warned_other + other.warned_other,
        )


@dataclass(frozen=True)
class Skipped:
    """Open tickets that a tick has nothing to do for."""

    null_sla: int
    paused: int


async def tick(session: AsyncSession, *, organization_id: UUID, now: datetime, limit: int = 500) -> Tick:
    """Work off tickets of up to `limit` clocks whose next threshold has come; zero processed means that none is left.

    Each clock is computed anew from its log under its ticket's lock. The log of the clock keeps both when a level was
    reached and when that was found.
    """
    values = {"organization_id": organization_id, "now": now, "limit": limit}
    tickets = list(await session.scalars(_DUE, values))
    if not tickets:
        return Tick()
    ledgers = await read_ledgers(session, organization_id=organization_id, ticket_ids=tickets)
    levels: list[int] = []
    for ticket_id in tickets:
        clocks = await store_clocks(
            session, organization_id=organization_id, ticket_id=ticket_id, ledger=ledgers[ticket_id], now=now
        )
        levels += await announce(session, clocks, now=now)
    return Tick(
        processed=len(tickets),
        warned_75=levels.count(75),
        warned_90=levels.count(90),
        breached=levels.count(BREACH_LEVEL),
        warned_other=sum(level not in {75, 90, BREACH_LEVEL} for level in levels),
    )


async def refresh_time_left(session: AsyncSession, *, organization_id: UUID, now: datetime) -> int:
    """Write how long each calendar has been open until now, which makes every clock's time left current."""
    versions = list(await session.scalars(_VERSIONS, {"organization_id": organization_id}))
    for version in versions:
        calendar, epoch_at = await calendar_of(session, version)
        open_s = calendar.open_seconds(epoch_at, now)
        values = {"organization_id": organization_id, "open_s": open_s, "as_of": now}
        statement = insert(CalendarNow).values(calendar_version_id=version, **values)
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["calendar_version_id"], set_=values, where=CalendarNow.as_of < now
            )
        )
    return len(versions)


async def count_skipped(session: AsyncSession, *, organization_id: UUID) -> Skipped:
    """Count the open tickets that no promise covers, and the clocks that stand still."""
    row = (await session.execute(_OPEN_TICKETS, {"organization_id": organization_id})).one()
    return Skipped(null_sla=row.without_clock, paused=row.paused)
