from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.models.ai import BreachPrediction
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketStatus
from helpdesk.settings import Settings
from helpdesk.sla.prediction.commands import NothingToPredict, predict_breaches
from helpdesk.tickets.commands import open_ticket
from helpdesk.tickets.findings import breach_of
from helpdesk.tickets.history import PastMessage, PastMove, PastTicket, add_past_ticket
from helpdesk.tickets.requests import SYSTEM
from tests.database.desk import NOW, open_a_desk, vpn_ticket

HOUR = timedelta(hours=1)


async def nothing_more(_session: AsyncSession) -> None:
    """Stand where a job would be completed."""


async def predictions(database: Database, organization_id: UUID, ticket: Ticket) -> dict[str, BreachPrediction]:
    async with database.transaction(organization_id) as session:
        latest = await breach_of(session, organization_id=organization_id, ticket_id=ticket.id)
    return {prediction.metric: prediction for prediction in latest}


async def opened(database: Database, organization_id: UUID, settings: Settings) -> Ticket:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        return await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )


async def test_each_running_clock_gets_a_probability_with_reasons(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket = await opened(database, organization_id, settings)
    for hours in (0, 3):
        made = await predict_breaches(
            database,
            organization_id=organization_id,
            ticket_id=ticket.id,
            now=NOW + hours * HOUR,
            complete=nothing_more,
        )
        assert made == 2
    latest = await predictions(database, organization_id, ticket)
    first = latest["first_response"]
    assert first.as_of == NOW + 3 * HOUR
    assert first.features["used"] == 0.75
    assert first.probability > latest["resolution"].probability
    assert "75 % of the time for the first response is used." in [reason["sentence"] for reason in first.reasons]


async def test_what_happens_later_does_not_change_a_prediction(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket = await opened(database, organization_id, settings)

    async def predicted() -> float:
        await predict_breaches(
            database, organization_id=organization_id, ticket_id=ticket.id, now=NOW + HOUR, complete=nothing_more
        )
        return (await predictions(database, organization_id, ticket))["first_response"].probability

    before = await predicted()
    async with database.transaction(organization_id) as session:
        for _ in range(30):
            await add_past_ticket(
                session,
                organization_id=organization_id,
                past=PastTicket(
                    ticket=vpn_ticket(),
                    opened_at=NOW + 2 * HOUR,
                    messages=[PastMessage(NOW + 90 * HOUR, SYSTEM, "Late.")],
                    moves=[PastMove(NOW + 99 * HOUR, TicketStatus.SOLVED)],
                ),
            )
    assert await predicted() == before


async def test_a_ticket_that_is_gone_has_nothing_to_predict(database: Database, organization_id: UUID) -> None:
    with pytest.raises(NothingToPredict):
        await predict_breaches(
            database, organization_id=organization_id, ticket_id=UUID(int=1), now=NOW, complete=nothing_more
        )
