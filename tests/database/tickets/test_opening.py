from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from helpdesk.database.engine import Database
from helpdesk.models.values import AuthorKind, TicketPriority
from helpdesk.settings import Settings
from helpdesk.sla.calendars.commands import create_calendar
from helpdesk.sla.policies.commands import create_policy
from helpdesk.tickets.commands import open_ticket, reply
from helpdesk.tickets.requests import Actor, CategoryNotFound
from tests.database.desk import NOW, open_a_desk, vpn_ticket

COUNTS = text("""
    SELECT (SELECT count(*) FROM tickets) AS tickets, (SELECT count(*) FROM messages) AS messages,
           (SELECT count(*) FROM ticket_events) AS events, (SELECT count(*) FROM sla_clocks) AS clocks,
           (SELECT count(*) FROM job_queue) AS jobs, (SELECT count(*) FROM rag_index_queue) AS index_tasks
""")


async def counts(database: Database, organization_id: UUID) -> dict[str, int]:
    async with database.transaction(organization_id) as session:
        return dict((await session.execute(COUNTS)).mappings().one())


async def test_opening_a_ticket_commits_ticket_clocks_and_work_together(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )
    assert ticket.number == 1
    assert await counts(database, organization_id) == {
        "tickets": 1,
        "messages": 1,
        "events": 1,
        "clocks": 2,
        "jobs": 5,
        "index_tasks": 1,
    }
    async with database.transaction(organization_id) as session:
        types = set(await session.scalars(text("SELECT job_type FROM job_queue")))
    assert types == {"TRIAGE_TICKET", "KB_SUGGEST", "SMART_REPLY", "SLA_PREDICT", "METRICS_SNAPSHOT"}


async def test_a_ticket_is_opened_though_its_calendar_has_run_out_of_hours(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    one_day = {"timezone": "UTC", "exceptions": {"2026-03-04": [["09:00", "17:00"]]}}
    async with database.transaction(organization_id) as session:
        await create_calendar(session, organization_id=organization_id, name="fair", definition=one_day, now=NOW)
        await create_policy(
            session,
            organization_id=organization_id,
            name="fair",
            position=1,
            calendar="fair",
            targets={"normal": {"resolution": 60}},
            is_default=True,
        )
    with capture_logs() as logs:
        async with database.transaction(organization_id) as session:
            ticket = await open_ticket(
                session,
                organization_id=organization_id,
                new=vpn_ticket(),
                actor=Actor(AuthorKind.SYSTEM),
                now=NOW + timedelta(days=7),
                settings=settings,
            )
    assert ticket.number == 1
    assert (await counts(database, organization_id))["clocks"] == 0
    [failure] = [entry for entry in logs if entry["event"] == "sla_ticket_failed"]
    assert failure["ticket_id"] == str(ticket.id)
    assert "does not open" in failure["error"]


async def test_nothing_is_left_of_a_ticket_whose_transaction_fails(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    agent = await open_a_desk(database, organization_id)
    with pytest.raises(CategoryNotFound):
        async with database.transaction(organization_id) as session:
            await open_ticket(
                session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
            )
            await open_ticket(
                session,
                organization_id=organization_id,
                new=vpn_ticket(category="nowhere"),
                actor=agent,
                now=NOW,
                settings=settings,
            )
    assert set((await counts(database, organization_id)).values()) == {0}


async def test_numbers_run_without_gaps(database: Database, organization_id: UUID, settings: Settings) -> None:
    agent = await open_a_desk(database, organization_id)
    numbers = []
    for _ in range(3):
        async with database.transaction(organization_id) as session:
            ticket = await open_ticket(
                session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
            )
            numbers.append(ticket.number)
    assert numbers == [1, 2, 3]


async def test_the_index_is_left_alone_when_the_setting_says_so(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    agent = await open_a_desk(database, organization_id)
    quiet = settings.model_copy(update={"rag_index_on_ticket_create": False, "smart_reply": "on_demand"})
    async with database.transaction(organization_id) as session:
        await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=quiet
        )
    found = await counts(database, organization_id)
    assert found["index_tasks"] == 0
    assert found["jobs"] == 4


async def test_another_organisation_sees_nothing_of_it(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        await open_ticket(
            session,
            organization_id=organization_id,
            new=vpn_ticket(priority=TicketPriority.HIGH),
            actor=agent,
            now=NOW,
            settings=settings,
        )
    for stranger in (None, UUID(int=7)):
        assert set((await counts(database, stranger)).values()) == {0}


async def test_a_burst_of_messages_is_looked_at_once(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )
        await session.execute(text("UPDATE job_queue SET status = 'completed', finished_at = now()"))
    for body in ("And now?", "Still nothing.", "Hello?"):
        async with database.transaction(organization_id) as session:
            await reply(
                session,
                organization_id=organization_id,
                ticket_id=ticket.id,
                body=body,
                actor=Actor(AuthorKind.CUSTOMER, ticket.contact_id),
                now=NOW,
                settings=settings,
            )
    async with database.transaction(organization_id) as session:
        waiting = await session.execute(
            text("SELECT job_type, count(*) FROM job_queue WHERE status = 'pending' GROUP BY job_type")
        )
    assert dict(waiting.all()) == {
        "TRIAGE_TICKET": 1,
        "KB_SUGGEST": 1,
        "SMART_REPLY": 1,
        "SLA_PREDICT": 1,
        # Each message is told.
        "DELIVER_NOTIFICATION": 3,
    }
