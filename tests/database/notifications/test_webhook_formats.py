"""Each address in the form it asked for, and of the team it is for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from helpdesk.accounts.commands import create_team
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.notifications.webhooks.commands import UnknownTeam, send_test
from helpdesk.notifications.webhooks.publishing import publish, put_up
from helpdesk.queue.link import Link
from tests.database.notifications.conftest import Working, hurry
from tests.database.notifications.http_receiver import Receiver, Reply
from tests.database.notifications.webhook_desk import LOOPBACK, Desk, make_desk
from tests.database.queue.jobs import until

OK_OF_SLACK = Reply(200, {"Content-Type": "text/html"}, b"ok")
ACCEPTED_OF_TEAMS = Reply(202)


async def tell(database: Database, organization_id: UUID, team_id: UUID | None = None, **ticket: Any) -> int:
    about = {"number": 7, "subject": "VPN <drops> @channel", "team_id": str(team_id) if team_id else None} | ticket
    async with database.transaction(organization_id) as session:
        return await publish(
            session,
            organization_id=organization_id,
            event="sla.breach",
            data={"title": "#7 is overdue", "ticket": about},
            now=datetime.now(UTC),
            public_url="https://desk.example/",
        )


async def team(database: Database, organization_id: UUID, slug: str) -> UUID:
    async with database.transaction(organization_id) as session:
        return (await create_team(session, organization_id=organization_id, slug=slug, name=slug)).id


@pytest.mark.parametrize(
    ("form", "answer", "found"),
    [
        ("slack", OK_OF_SLACK, ("blocks", 0, "text", "text")),
        ("teams", ACCEPTED_OF_TEAMS, ("attachments", 0, "content", "body", 1, "inlines", 0, "text")),
        ("atum", Reply(204), ("data", "ticket", "subject")),
    ],
)
async def test_an_event_arrives_in_the_form_of_the_address_signed_and_as_recorded(
    database: Database,
    organization_id: UUID,
    connection: Link,
    receiver: Receiver,
    at_work: Working,
    form: str,
    answer: Reply,
    found: tuple[str | int, ...],
) -> None:
    desk = await make_desk(database, organization_id, receiver.url, format=form)
    receiver.behaviours = [Reply(500, {}, b"rollup_error"), answer, answer]
    assert await tell(database, organization_id) == 1
    (queued,) = await desk.deliveries()
    async with database.transaction(organization_id) as session:
        test = await send_test(
            session, organization_id=organization_id, webhook_id=desk.endpoint.id, now=datetime.now(UTC)
        )
    async with at_work(**LOOPBACK):
        await hurry(connection, queued.job_id, times=1, event="completed")
        await hurry(connection, test.job_id, times=1, event="completed")
    assert {delivery.state for delivery in await desk.deliveries()} == {"delivered"}
    assert len(receiver.received) == 3
    for request in receiver.received:
        assert request.is_signed_by(desk.endpoint.secret)
        assert request.headers["content-type"] == "application/json"
    sent = [request for request in receiver.received if request.headers["webhook-id"] == str(queued.id)]
    assert {request.body for request in sent} == {queued.body.encode()}
    value: Any = json.loads(sent[-1].body)
    for step in found:
        value = value[step]
    link = "https://desk.example/tickets/7"
    assert (
        value
        == {
            "slack": f"*<{link}|#7 is overdue>*\nVPN &lt;drops&gt; @\u2060channel",
            "teams": "VPN <drops> @\u2060channel",
            "atum": "VPN <drops> @channel",
        }[form]
    )


async def test_what_is_queued_keeps_the_form_it_was_written_in(
    desk: Desk, database: Database, organization_id: UUID
) -> None:
    await tell(database, organization_id)
    await desk.change(format="slack")
    await tell(database, organization_id)
    later, earlier = (json.loads(delivery.body) for delivery in await desk.deliveries())
    assert ("blocks" in later, "blocks" in earlier) == (True, False)


async def test_an_address_of_a_team_hears_of_that_teams_tickets_only(
    desk: Desk, database: Database, organization_id: UUID, receiver: Receiver
) -> None:
    network, hardware = [await team(database, organization_id, slug) for slug in ("network", "hardware")]
    room = await make_desk(database, organization_id, receiver.url, format="slack", team_id=network)
    assert await tell(database, organization_id, network) == 2
    assert await tell(database, organization_id, hardware) == 1
    assert await tell(database, organization_id) == 1
    assert (len(await desk.deliveries()), len(await room.deliveries())) == (3, 1)
    await room.change(team_id=None)
    assert await tell(database, organization_id, hardware) == 2
    await room.change(team_id=hardware)
    async with database.transaction(organization_id) as session:
        named = await put_up(
            session,
            organization_id=organization_id,
            endpoint_ids=[room.endpoint.id, new_id()],
            event="sla.warning",
            data={},
            now=datetime.now(UTC),
        )
    assert [delivery.endpoint_id for delivery in named] == [room.endpoint.id]
    # It goes with its team, rather than hear of every team's tickets from then on.
    await desk.sql(f"DELETE FROM teams WHERE id = '{hardware}'")
    assert await tell(database, organization_id, network) == 1


async def test_a_team_of_another_organisation_is_none(desk: Desk, database: Database) -> None:
    other = new_id()
    async with database.transaction(other) as session:
        session.add(Organization(id=other, slug="other", name="Other"))
    theirs = await team(database, other, "network")
    with pytest.raises(UnknownTeam):
        await desk.change(team_id=theirs)
    with pytest.raises(UnknownTeam):
        await make_desk(database, desk.organization_id, desk.endpoint.url, team_id=theirs)


async def test_a_room_that_is_gone_pauses_its_webhook(
    database: Database, organization_id: UUID, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    desk = await make_desk(database, organization_id, receiver.url, format="slack")
    receiver.behaviours = [Reply(410, {}, b"channel_is_archived")]
    job = (await desk.publish()).job_id
    async with at_work(**LOOPBACK):
        await until(connection, job, "cancelled")
    (delivery,) = await desk.deliveries()
    assert (delivery.response_excerpt, (await desk.state()).state) == ("channel_is_archived", "paused")
