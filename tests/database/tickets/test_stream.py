from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.events.conversation import TicketMovedOn, confirm_unchanged, latest_customer_message
from helpdesk.events.stream import START, Cursor, InvalidCursor, latest_cursor, read_events
from helpdesk.models.values import AuthorKind
from helpdesk.settings import Settings
from helpdesk.tickets.commands import note, open_ticket, reply
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, open_a_desk, vpn_ticket


async def test_an_event_that_commits_late_is_not_skipped(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    agent = await open_a_desk(database, organization_id)

    async def read(after: Cursor) -> list[tuple[Cursor, str]]:
        async with database.transaction(organization_id) as session:
            return [
                (event.cursor, event.kind)
                for event in await read_events(session, organization_id=organization_id, after=after)
            ]

    async with database.transaction(organization_id) as slow:
        late = await open_ticket(
            slow, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )
        await slow.flush()
        # Its number is taken, its transaction still open: what came after must wait for it.
        async with database.transaction(None):
            assert await read(START) == []
    [(cursor, kind)] = await read(START)
    assert kind == "ticket.opened"
    async with database.transaction(organization_id) as session:
        await note(session, organization_id=organization_id, ticket_id=late.id, body="Seen.", actor=agent, now=NOW)
    assert [kind for _, kind in await read(cursor)] == ["message.added"]
    async with database.transaction(organization_id) as session:
        newest = await latest_cursor(session, organization_id=organization_id)
    assert await read(newest) == []


@pytest.mark.parametrize("value", ["", "12", "a-b", "1-2-3", "-1-2", "1" * 60])
def test_a_position_in_another_form_is_refused(value: str) -> None:
    with pytest.raises(InvalidCursor):
        Cursor.parse(value)


async def test_work_on_words_that_are_no_longer_all_is_noticed(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )
    async with database.transaction(organization_id) as session:
        seen = await latest_customer_message(session, organization_id=organization_id, ticket_id=ticket.id)
        await confirm_unchanged(session, organization_id=organization_id, ticket_id=ticket.id, seen=seen)
    async with database.transaction(organization_id) as session:
        await reply(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            body="Now it is gone for good.",
            actor=Actor(AuthorKind.CUSTOMER, ticket.contact_id),
            now=NOW,
            settings=settings,
        )
    async with database.transaction(organization_id) as session:
        with pytest.raises(TicketMovedOn):
            await confirm_unchanged(session, organization_id=organization_id, ticket_id=ticket.id, seen=seen)
