"""Keep the clocks of a ticket in step with its event log."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.events.record import record
from helpdesk.models import sla as tables
from helpdesk.models.tickets import Ticket
from helpdesk.sla.clocks.announcing import announce
from helpdesk.sla.clocks.choosing import choose_policy, current_policy
from helpdesk.sla.clocks.failures import tell_failure
from helpdesk.sla.clocks.ledger import Ledger, read_ledgers
from helpdesk.sla.clocks.storing import store_many


async def reconsider_policy(session: AsyncSession, *, organization_id: UUID, ticket: Ticket, now: datetime) -> None:
    """Move a ticket to the policy its fields now call for, then refresh its clocks."""
    await _move(session, organization_id=organization_id, ticket=ticket, now=now)
    await refresh_clocks(session, organization_id=organization_id, ticket_id=ticket.id, now=now)


async def retarget(session: AsyncSession, *, organization_id: UUID, ticket: Ticket, now: datetime) -> None:
    """Move a ticket to the policy its fields now call for, with its clocks or not at all.

    Raises:
        InvalidHistory, CalendarNeverOpen: its clocks cannot be computed under that policy.
    """
    await _move(session, organization_id=organization_id, ticket=ticket, now=now)
    await _bring_in_step(session, organization_id=organization_id, ticket_id=ticket.id, now=now)


async def refresh_clocks(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, now: datetime) -> None:
    """Compute a ticket's clocks from its log, store them, and tell the levels they have risen to.

    Clocks that cannot be computed stay as they are, and the log tells of it: what somebody does on a ticket does not
    fail because its calendar has run out of hours. The caller holds the lock on the ticket's row.
    """
    try:
        await _bring_in_step(session, organization_id=organization_id, ticket_id=ticket_id, now=now)
    except Invalid as error:
        tell_failure(organization_id=organization_id, ticket_id=ticket_id, reason=error.detail or str(error))


async def _move(session: AsyncSession, *, organization_id: UUID, ticket: Ticket, now: datetime) -> None:
    chosen = await choose_policy(session, organization_id=organization_id, ticket=ticket, now=now)
    current = await current_policy(session, organization_id=organization_id, ticket_id=ticket.id)
    if chosen != current:
        await record(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            kind="sla.policy_changed",
            now=now,
            data={"from": current, "to": chosen},
        )


async def _bring_in_step(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, now: datetime) -> None:
    ledgers = await read_ledgers(session, organization_id=organization_id, ticket_ids=[ticket_id])
    if ticket_id not in ledgers:
        return
    clocks = await store_clocks(
        session, organization_id=organization_id, ticket_id=ticket_id, ledger=ledgers[ticket_id], now=now
    )
    await announce(session, clocks, now=now)


async def store_clocks(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, ledger: Ledger, now: datetime
) -> list[tables.Clock]:
    """Store what a ledger says of a ticket's clocks, telling nobody, and return the rows."""
    stored = await store_many(session, organization_id=organization_id, ledgers={ticket_id: ledger}, now=now)
    return stored[ticket_id]
