"""Only a rise is told: a level that a change of target leaves alone, or that a clock falls to, is no news."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketStatus
from helpdesk.settings import Settings
from helpdesk.sla.policies.commands import create_policy
from helpdesk.tickets.commands import change_status, open_ticket
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.database.ticks import tick

MINUTE = timedelta(minutes=1)


class Desk:
    """A ticket whose first response is due after 240 minutes, and after another target in another category."""

    def __init__(self, database: Database, organization_id: UUID, agent: Actor, ticket: Ticket) -> None:
        self.database, self.organization_id, self.agent, self.ticket = database, organization_id, agent, ticket

    def _on_ticket(self, minutes: int) -> dict[str, Any]:
        now = NOW + minutes * MINUTE
        return {
            "organization_id": self.organization_id,
            "ticket_id": self.ticket.id,
            "actor": self.agent,
            "now": now,
        }

    async def tick(self, minutes: int) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await tick(session, organization_id=self.organization_id, now=NOW + minutes * MINUTE)

    async def move(self, minutes: int, category: str) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await set_fields(session, **self._on_ticket(minutes), changes={"category": category})

    async def change_status(self, minutes: int, to: TicketStatus) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await change_status(session, **self._on_ticket(minutes), to=to)

    async def told(self) -> list[tuple[int, int]]:
        """Return the levels told and the minutes at which they were."""
        async with self.database.transaction(self.organization_id) as session:
            rows = await session.execute(
                text("SELECT level, detected_at FROM sla_events WHERE kind = 'threshold' ORDER BY detected_at")
            )
            notices = await session.scalar(
                text("SELECT count(*) FROM job_queue WHERE job_type = 'DELIVER_NOTIFICATION'")
            )
            found = [(row.level, (row.detected_at - NOW) // MINUTE) for row in rows]
        assert notices == len(found)
        return found


@pytest.fixture
async def desk(database: Database, organization_id: UUID, settings: Settings) -> Desk:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        for position, (category, target) in enumerate({"hardware": 240, "network": 265}.items(), start=3):
            await create_policy(
                session,
                organization_id=organization_id,
                name=category,
                position=-position,
                calendar="office",
                targets={"normal": {"first_response": target}},
                conditions={"any": [{"field": "category", "op": "is", "value": category}]},
            )
        ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )
    return Desk(database, organization_id, agent, ticket)


async def test_another_policy_with_the_same_target_tells_nothing_again(desk: Desk) -> None:
    await desk.tick(181)
    await desk.move(185, "hardware")
    await desk.tick(186)
    assert await desk.told() == [(75, 181)]


async def test_reopening_tells_nothing_again(desk: Desk) -> None:
    await desk.tick(181)
    await desk.change_status(185, TicketStatus.SOLVED)
    await desk.change_status(190, TicketStatus.OPEN)
    await desk.tick(191)
    assert await desk.told() == [(75, 181)]


async def test_a_fall_is_silent_and_the_next_rise_is_told(desk: Desk) -> None:
    await desk.tick(241)
    await desk.move(245, "network")
    await desk.tick(246)
    # 245 of 265 minutes are 92 %.
    assert await desk.told() == [(100, 241)]
    await desk.tick(266)
    assert await desk.told() == [(100, 241), (100, 266)]
