import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.assets.commands import NewAsset, create_asset
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.errors import HelpdeskError
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketStatus
from helpdesk.rag.indexing.load_tickets import load_tickets
from helpdesk.rag.indexing.reconcile import reconcile
from helpdesk.settings import Settings
from helpdesk.sla.clocks.queries import clocks_of
from helpdesk.tickets.commands import assign, change_status, note, open_ticket, reply
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.lifecycle import TicketClosed, TicketMerged
from helpdesk.tickets.merging import MergedIntoItself, MergeTargetClosed, MergeTargetNotFound, merge
from helpdesk.tickets.queries import absorbed_by, assets_of, messages_of
from helpdesk.tickets.requests import Actor, TicketNotFound
from helpdesk.tickets.watching import WatcherNotFound, watch, watchers_of
from tests.database.desk import NOW, open_a_desk, vpn_ticket


class Desk:
    """A desk with tickets to merge."""

    def __init__(self, database: Database, organization_id: UUID, settings: Settings, agent: Actor) -> None:
        self.database, self.organization_id, self.settings, self.agent = database, organization_id, settings, agent

    async def open(self, **changes: object) -> Ticket:
        async with self.database.transaction(self.organization_id) as session:
            return await open_ticket(
                session,
                organization_id=self.organization_id,
                new=vpn_ticket(**changes),
                actor=self.agent,
                now=NOW,
                settings=self.settings,
            )

    async def merge(self, source: Ticket | UUID, into: Ticket | UUID) -> Ticket:
        source_id, into_id = (ticket.id if isinstance(ticket, Ticket) else ticket for ticket in (source, into))
        async with self.database.transaction(self.organization_id) as session:
            return await merge(session, into=into_id, now=NOW, actor=self.agent, **self.about(source_id))

    def about(self, ticket_id: UUID) -> dict[str, Any]:
        return {"organization_id": self.organization_id, "ticket_id": ticket_id}

    async def close(self, ticket: Ticket) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await change_status(session, to=TicketStatus.CLOSED, actor=self.agent, now=NOW, **self.about(ticket.id))

    async def ask(self, query: str, **values: object) -> list[Any]:
        async with self.database.transaction(self.organization_id) as session:
            return [tuple(row) for row in await session.execute(text(query), values)]


@pytest.fixture
async def desk(database: Database, organization_id: UUID, settings: Settings) -> Desk:
    return Desk(database, organization_id, settings, await open_a_desk(database, organization_id))


async def test_a_merged_ticket_is_closed_and_its_clocks_are_cancelled_for_good(desk: Desk) -> None:
    source, target = await desk.open(), await desk.open()
    await desk.merge(source, target)

    (row,) = await desk.ask("SELECT status, merged_into_id FROM tickets WHERE id = :id", id=source.id)
    assert row == ("closed", target.id)
    async with desk.database.transaction(desk.organization_id) as session:
        clocks = await clocks_of(session, organization_id=desk.organization_id, ticket_ids=[source.id, target.id])
    assert {(clock.state, clock.outcome) for clock in clocks[source.id]} == {("cancelled", "cancelled")}
    assert {clock.state for clock in clocks[target.id]} == {"running"}
    kinds = await desk.ask("SELECT kind, data FROM ticket_events WHERE ticket_id = :id ORDER BY seq", id=source.id)
    assert [kind for kind, _ in kinds[-2:]] == ["ticket.merged", "ticket.status_changed"]
    assert kinds[-2][1] == {"into": str(target.id), "number": target.number}


async def test_what_is_breached_stays_so_and_what_has_ended_stays_as_it_ended(desk: Desk) -> None:
    source, target = await desk.open(), await desk.open()
    late = NOW + timedelta(hours=5)
    async with desk.database.transaction(desk.organization_id) as session:
        about = desk.about(source.id)
        await change_status(session, to=TicketStatus.SOLVED, actor=desk.agent, now=late, **about)
    async with desk.database.transaction(desk.organization_id) as session:
        await merge(session, into=target.id, now=late + timedelta(hours=1), actor=desk.agent, **about)
        clocks = (await clocks_of(session, organization_id=desk.organization_id, ticket_ids=[source.id]))[source.id]
    outcomes = {clock.metric: (clock.state, clock.outcome) for clock in clocks}
    assert outcomes == {"first_response": ("cancelled", "breached"), "resolution": ("stopped", "met")}


async def test_the_other_ticket_gets_a_note_the_watchers_and_the_assets(desk: Desk) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        asset = await create_asset(
            session, organization_id=desk.organization_id, new=NewAsset("LAP-1", "laptop", "Laptop"), now=NOW
        )
    source, target = await desk.open(subject="VPN gone", assets=["LAP-1"]), await desk.open(assets=["LAP-1"])
    async with desk.database.transaction(desk.organization_id) as session:
        assert desk.agent.id is not None
        await watch(session, user_id=desk.agent.id, **desk.about(source.id))
    await desk.merge(source, target)

    async with desk.database.transaction(desk.organization_id) as session:
        said = (await messages_of(session, **desk.about(target.id)))[-1]
        watchers = await watchers_of(session, **desk.about(target.id))
        assets = await assets_of(session, **desk.about(target.id))
        absorbed = await absorbed_by(session, **desk.about(target.id))
        assert len(await messages_of(session, **desk.about(source.id))) == 1
        assert await watchers_of(session, **desk.about(source.id)) == []
    assert (said.visibility, said.author_user_id) == ("internal", desk.agent.id)
    assert said.body.splitlines()[:3] == [
        "#1 was merged into this ticket.",
        "Subject: VPN gone",
        "Requester: Kim <kim@customer.example>",
    ]
    assert "stay with #1: 1; files: 0." in said.body
    assert "> Since this morning the VPN drops" in said.body
    assert [watcher.user_id for watcher in watchers] == [desk.agent.id]
    assert [each.id for each in assets] == [asset.id]
    assert [link.number for link in absorbed] == [source.number]
    (absorbing,) = await desk.ask("SELECT data FROM ticket_events WHERE kind = 'ticket.absorbed'")
    assert absorbing[0] == {"from": str(source.id), "number": 1}


async def test_what_is_said_on_a_merged_ticket_is_refused_with_the_name_of_the_last_in_line(desk: Desk) -> None:
    first, second, third = [await desk.open() for _ in range(3)]
    await desk.merge(first, second)
    await desk.merge(second, third)
    about: dict[str, Any] = desk.about(first.id)
    by: dict[str, Any] = {"actor": desk.agent, "now": NOW}
    attempts: list[Callable[[AsyncSession], Awaitable[object]]] = [
        lambda session: reply(session, body="x", settings=desk.settings, **about, **by),
        lambda session: note(session, body="x", **about, **by),
        lambda session: change_status(session, to=TicketStatus.OPEN, **about, **by),
        lambda session: assign(session, changes={"team": None}, **about, **by),
        lambda session: set_fields(session, changes={"priority": "low"}, **about, **by),
        lambda session: watch(session, user_id=desk.agent.id, **about),  # type: ignore[arg-type]
    ]
    for attempt in attempts:
        async with desk.database.transaction(desk.organization_id) as session:
            with pytest.raises(TicketMerged, match=r"#1 was merged into #3\.") as refused:
                await attempt(session)
        assert refused.value.context == {"into": str(third.id), "number": 3}


async def test_a_ticket_is_not_merged_where_that_makes_no_sense(desk: Desk) -> None:
    one, other, closed, merged = [await desk.open() for _ in range(4)]
    await desk.close(closed)
    await desk.merge(merged, other)
    refused: list[tuple[Ticket | UUID, Ticket | UUID, type[HelpdeskError], str]] = [
        (one, one, MergedIntoItself, "itself"),
        (one, closed, MergeTargetClosed, "#3 is closed"),
        (one, merged, MergeTargetClosed, "#4 was merged into #2"),
        (merged, one, TicketMerged, "#4 was merged into #2"),
        (closed, one, TicketClosed, "#3 is closed"),
        (one, new_id(), MergeTargetNotFound, "no such ticket"),
        (new_id(), one, TicketNotFound, "no such ticket"),
    ]
    for source, into, error, words in refused:
        with pytest.raises(error, match=words):
            await desk.merge(source, into)


async def test_a_ticket_of_another_organisation_takes_nothing_in(
    desk: Desk, database: Database, settings: Settings
) -> None:
    stranger = new_id()
    async with database.transaction(stranger) as session:
        await session.execute(
            text("INSERT INTO organizations (id, slug, name) VALUES (:id, 'else', 'Else')"), {"id": stranger}
        )
    other = Desk(database, stranger, settings, await open_a_desk(database, stranger))
    theirs, ours = await other.open(), await desk.open()
    with pytest.raises(MergeTargetNotFound):
        await desk.merge(ours, theirs)
    async with desk.database.transaction(desk.organization_id) as session:
        with pytest.raises(TicketNotFound):
            await watch(session, user_id=desk.agent.id or new_id(), **desk.about(theirs.id))
        with pytest.raises(WatcherNotFound):
            await watch(session, user_id=other.agent.id or new_id(), **desk.about(ours.id))


async def test_two_mergers_of_the_same_pair_leave_one_of_them_open(desk: Desk) -> None:
    for _ in range(5):
        one, other = await desk.open(), await desk.open()
        done = await asyncio.gather(desk.merge(one, other), desk.merge(other, one), return_exceptions=True)
        refused = [each for each in done if isinstance(each, BaseException)]
        assert [type(each) for each in refused] in ([MergeTargetClosed], [TicketMerged])
        pair = "SELECT id FROM tickets WHERE merged_into_id IS NULL AND id IN (:one, :other)"
        assert len(await desk.ask(pair, one=one.id, other=other.id)) == 1


async def test_a_merged_ticket_leaves_the_index_and_its_waiting_looks_are_called_off(desk: Desk) -> None:
    source, target = await desk.open(), await desk.open()
    await desk.merge(source, target)

    (task,) = await desk.ask("SELECT action FROM rag_index_queue WHERE source_id = :id", id=source.id)
    assert task == ("delete",)
    rows = await desk.ask("SELECT job_type, status FROM job_queue WHERE unique_key = :key", key=str(source.id))
    assert {status for _, status in rows} == {"cancelled"}
    assert {"TRIAGE_TICKET", "SLA_PREDICT"} <= {job_type for job_type, _ in rows}
    waiting = await desk.ask("SELECT count(*) FROM job_queue WHERE unique_key = :key", key=str(target.id))
    assert waiting[0][0] >= 3
    async with desk.database.transaction(desk.organization_id) as session:
        assert await load_tickets(session, desk.organization_id, [source.id]) == []
        await session.execute(text("DELETE FROM rag_index_queue"))
        assert await reconcile(session, organization_id=desk.organization_id, open_tickets=True) == 1
