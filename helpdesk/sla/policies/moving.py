"""Put several tickets under the promises they call for, with few statements however many they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.tickets import TicketEvent
from helpdesk.models.values import AuthorKind
from helpdesk.sla.clocks.announcing import announce
from helpdesk.sla.clocks.choosing import policies_in_order
from helpdesk.sla.clocks.ledger import read_ledgers
from helpdesk.sla.clocks.storing import store_many
from helpdesk.sla.policies.subjects import subjects_of
from helpdesk.sla.rules.candidates import choose

# Those that a command holds are passed over: waiting for one with the locks on others could end in a deadlock.
_LOCK = text("""
    SELECT id FROM tickets
     WHERE organization_id = :organization_id AND id = ANY (CAST(:ids AS uuid[]))
       AND status NOT IN ('solved', 'closed')
     ORDER BY id
       FOR NO KEY UPDATE SKIP LOCKED
""")


@dataclass(frozen=True)
class Moved:
    """What became of some tickets: how many have moved, and which were not locked, solved ones among them."""

    count: int
    passed_over: list[UUID]


async def move_tickets(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Sequence[UUID], now: datetime
) -> Moved:
    """Move open tickets to the policies their fields call for, bring their clocks in step, and tell levels reached.

    Raises:
        InvalidHistory, CalendarNeverOpen: one of the tickets cannot be computed; the transaction is to be given up.
    """
    locked = list(await session.scalars(_LOCK, {"organization_id": organization_id, "ids": list(ticket_ids)}))
    passed_over = [ticket_id for ticket_id in ticket_ids if ticket_id not in set(locked)]
    # Both are read under the locks: what was there before may have changed.
    candidates = await policies_in_order(session, organization_id=organization_id, now=now)
    subjects = await subjects_of(session, organization_id=organization_id, ticket_ids=locked)
    moves = {
        subject.id: (subject.policy, to)
        for subject in subjects
        if (to := choose(candidates, subject.facts)) != subject.policy
    }
    if not moves:
        return Moved(0, passed_over)
    session.add_all(
        TicketEvent(
            organization_id=organization_id,
            ticket_id=ticket_id,
            kind="sla.policy_changed",
            occurred_at=now,
            actor_kind=AuthorKind.SYSTEM,
            data={"from": before, "to": after},
        )
        for ticket_id, (before, after) in moves.items()
    )
    await session.flush()
    ledgers = await read_ledgers(session, organization_id=organization_id, ticket_ids=list(moves))
    stored = await store_many(session, organization_id=organization_id, ledgers=ledgers, now=now)
    await announce(session, [clock for clocks in stored.values() for clock in clocks], now=now)
    return Moved(len(moves), passed_over)
