"""The minute: tell what has crossed a threshold. It costs what crosses, not what is open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.sla.clocks.announcing import BREACH_LEVEL, announce
from helpdesk.sla.clocks.ledger import sort_ledgers
from helpdesk.sla.clocks.storing import Replayed, replay, write_many

CHUNK = 500

# A clock that fails is looked at again after as long as it has failed, within these.
_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(days=1)

# A range of the index that holds all it takes, over every organisation that the transaction may see.
_DUE = text("""
    SELECT organization_id, ticket_id FROM sla_clocks
     WHERE next_threshold_at <= :now ORDER BY next_threshold_at LIMIT :limit
""")
# The ticket is what is locked, as every command on it does first; SKIP LOCKED: several ticks may overlap, each takes
# the tickets the others have not, and what a command holds is in step when it commits. Looked at once more, since
# another tick may have been there since the due ones were listed; OFFSET keeps that a look at each ticket's own clocks,
# where a join would go through all that is due.
_LOCK = text("""
    SELECT id FROM tickets
     WHERE organization_id = :organization_id AND id = ANY (CAST(:ids AS uuid[]))
       AND EXISTS (SELECT 1 FROM sla_clocks WHERE ticket_id = tickets.id AND next_threshold_at <= :now OFFSET 0)
     ORDER BY id
       FOR NO KEY UPDATE SKIP LOCKED
""")
# All clocks of a ticket together, or each would have it tried again by itself.
_POSTPONE = text("""
    WITH failing AS (
        SELECT ticket_id, since, :now + least(greatest(:now - since, :first), :longest) AS again_at
          FROM (SELECT ticket_id, coalesce(min(failing_since), :now) AS since FROM sla_clocks
                 WHERE organization_id = :organization_id AND ticket_id = ANY (CAST(:ids AS uuid[]))
                 GROUP BY ticket_id) AS known)
    UPDATE sla_clocks AS clock SET failing_since = failing.since, next_threshold_at = failing.again_at
      FROM failing
     WHERE clock.ticket_id = failing.ticket_id AND clock.next_threshold_at < failing.again_at
""")
_SKIPPED = text("SELECT null_sla, paused FROM sla_skipped()")


@dataclass(frozen=True)
class Tick:
    """What a tick did: tickets looked at, levels told, and tickets whose clocks cannot be computed."""

    processed: int = 0
    warned_75: int = 0
    warned_90: int = 0
    breached: int = 0
    warned_other: int = 0
    failed: int = 0

    def __add__(self, other: Tick) -> Tick:
        return Tick(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class Skipped:
    """Open tickets without any clock, and clocks that are paused."""

    null_sla: int
    paused: int


@dataclass(frozen=True)
class WorkedOff:
    """What became of some tickets, and why some of them failed."""

    tick: Tick
    failures: Mapping[UUID, str]


async def due_tickets(session: AsyncSession, *, now: datetime, limit: int) -> dict[UUID, list[UUID]]:
    """Return tickets of up to `limit` clocks whose next threshold has come, longest ago first, by organisation.

    Every organisation's, in a transaction of the worker role.
    """
    due: dict[UUID, dict[UUID, None]] = {}
    for row in await session.execute(_DUE, {"now": now, "limit": limit}):
        due.setdefault(row.organization_id, {})[row.ticket_id] = None
    return {organization_id: list(tickets) for organization_id, tickets in due.items()}


async def work_off(
    session: AsyncSession, *, organization_id: UUID, tickets: Sequence[UUID], now: datetime
) -> WorkedOff:
    """Compute the due clocks of tickets anew from their logs, under the tickets' locks, and tell the levels reached.

    A level is told once, however late it is found; `sla_events` keeps both when it was reached and when that was
    found. A ticket that cannot be computed is put off and does not keep the others.
    """
    values = {"organization_id": organization_id, "ids": list(tickets), "now": now}
    locked = list(await session.scalars(_LOCK, values)) if tickets else []
    if not locked:
        return WorkedOff(Tick(), {})
    ledgers, unreadable = await sort_ledgers(session, organization_id=organization_id, ticket_ids=locked)
    failures = {ticket_id: str(error) for ticket_id, error in unreadable.items()}
    failures |= dict.fromkeys(set(locked) - set(ledgers) - set(failures), "The ticket has no log.")
    replayed: dict[UUID, Replayed] = {}
    for ticket_id, ledger in ledgers.items():
        try:
            replayed[ticket_id] = replay(ledger, now=now)
        except Invalid as error:
            failures[ticket_id] = error.detail or str(error)
    stored = await write_many(session, organization_id=organization_id, replayed=replayed)
    levels = await announce(session, [clock for clocks in stored.values() for clock in clocks], now=now)
    if failures:
        await postpone(session, organization_id=organization_id, tickets=list(failures), now=now)
    return WorkedOff(_tick(len(replayed), levels, len(failures)), failures)


async def postpone(session: AsyncSession, *, organization_id: UUID, tickets: Sequence[UUID], now: datetime) -> None:
    """Put off the due clocks of tickets that fail: five minutes at first, then longer and longer, up to a day."""
    values = {"organization_id": organization_id, "ids": list(tickets), "now": now}
    await session.execute(_POSTPONE, values | {"first": _FIRST_WAIT, "longest": _LONGEST_WAIT})


async def count_skipped(session: AsyncSession) -> Skipped:
    """Count, over every organisation, what a tick has nothing to do for; the session acts as the worker role.

    This looks at every open ticket: about a second for a million of them.
    """
    row = (await session.execute(_SKIPPED)).one()
    return Skipped(null_sla=row.null_sla, paused=row.paused)


def _tick(processed: int, levels: list[int], failed: int) -> Tick:
    return Tick(
        processed=processed,
        warned_75=levels.count(75),
        warned_90=levels.count(90),
        breached=sum(level >= BREACH_LEVEL for level in levels),
        warned_other=sum(level < BREACH_LEVEL and level not in {75, 90} for level in levels),
        failed=failed,
    )
