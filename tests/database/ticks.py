"""One tick of one organisation at a chosen time, in the test's own transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.sla.clocks.ticking import CHUNK, Tick, due_tickets, work_off
from helpdesk.sla.clocks.time_left import TimeLeft


async def tick(session: AsyncSession, *, organization_id: UUID, now: datetime, limit: int = CHUNK) -> Tick:
    """Work off tickets of up to `limit` due clocks; zero processed: none is left."""
    tickets = (await due_tickets(session, now=now, limit=limit)).get(organization_id, [])
    return (await work_off(session, organization_id=organization_id, tickets=tickets, now=now)).tick


async def refresh_time_left(session: AsyncSession, *, organization_id: UUID, now: datetime) -> int:
    """Bring the time left of the organisation's clocks up to date."""
    return await TimeLeft().refresh(session, now=now, organization_id=organization_id)
