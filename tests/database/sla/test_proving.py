import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.sla import Proof
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketStatus
from helpdesk.settings import Settings
from helpdesk.sla.proof.proving import Proving
from helpdesk.sla.proof.queries import list_proofs
from helpdesk.tickets.commands import change_status, open_ticket
from helpdesk.tickets.requests import Actor
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.ticks import tick

HOUR = timedelta(hours=1)


async def proven(database: Database, organization_id: UUID, *, heals: bool = True, id_: UUID | None = None) -> Proof:
    proving = Proving(database=database, organization_id=organization_id, id=id_ or new_id(), heals=heals)
    return await proving.run()


async def execute(database: Database, organization_id: UUID, statement: str, **values: object) -> None:
    async with database.transaction(organization_id) as session:
        await session.execute(text(statement), values)


@pytest.fixture
async def agent(database: Database, organization_id: UUID) -> Actor:
    return await open_a_desk(database, organization_id)


@pytest.fixture
async def tickets(database: Database, organization_id: UUID, settings: Settings, agent: Actor) -> list[Ticket]:
    """Return tickets of the last hours: one that runs, one that has breached, one paused and one solved."""
    opened = []
    now = datetime.now(UTC)
    for hours in (1, 200, 3, 4):
        async with database.transaction(organization_id) as session:
            opened.append(
                await open_ticket(
                    session,
                    organization_id=organization_id,
                    new=vpn_ticket(),
                    actor=agent,
                    now=now - hours * HOUR,
                    settings=settings,
                )
            )
    async with database.transaction(organization_id) as session:
        await tick(session, organization_id=organization_id, now=now - HOUR)
    for ticket, to in ((opened[2], TicketStatus.PENDING), (opened[3], TicketStatus.SOLVED)):
        async with database.transaction(organization_id) as session:
            await change_status(
                session,
                organization_id=organization_id,
                ticket_id=ticket.id,
                to=to,
                actor=agent,
                now=now - HOUR / 2,
                resolution="Reconnected.",
            )
    return opened


async def test_clocks_that_nobody_touched_are_proven_right(
    database: Database, organization_id: UUID, tickets: list[Ticket]
) -> None:
    proof = await proven(database, organization_id)
    assert (proof.tickets, proof.clocks, proof.differing, proof.failed) == (4, 8, 0, 0)
    assert proof.sample == []


@pytest.mark.parametrize(
    "tampering",
    [
        "due_at = due_at + interval '1 s'",
        "warn_75_at = NULL",
        "state = 'stopped'",
        "target_s = target_s + 60",
        "elapsed_s = elapsed_s + 1",
        "remaining_s = remaining_s - 1",
        "next_threshold_at = now() + interval '10 years'",
        "due_open_s = due_open_s + 1",
        "level = 90",
        "target_version = target_version + 1",
        "outcome = 'met'",
        "breached = true",
    ],
)
async def test_a_tampered_clock_is_found_and_healed_whatever_was_changed(
    database: Database, organization_id: UUID, tickets: list[Ticket], tampering: str
) -> None:
    await execute(
        database,
        organization_id,
        f"UPDATE sla_clocks SET {tampering} WHERE ticket_id = :ticket AND metric = 'resolution'",
        ticket=tickets[0].id,
    )
    seen = await proven(database, organization_id, heals=False)
    assert (seen.differing, seen.healed) == (1, 0)
    [difference] = seen.sample
    assert difference["ticket_id"] == str(tickets[0].id)
    assert tampering.split(" ", maxsplit=1)[0] in difference["columns"]
    healed = await proven(database, organization_id)
    assert (healed.differing, healed.healed) == (1, 1)
    assert (await proven(database, organization_id)).differing == 0
    async with database.transaction(organization_id) as session:
        [recorded] = (
            await session.execute(text("SELECT ticket_id, detail FROM sla_events WHERE kind = 'healed'"))
        ).all()
    assert recorded.ticket_id == tickets[0].id
    assert tampering.split(" ", maxsplit=1)[0] in recorded.detail["columns"]


async def test_a_lost_clock_comes_back_and_one_that_the_log_does_not_know_is_ended(
    database: Database, organization_id: UUID, tickets: list[Ticket]
) -> None:
    await execute(database, organization_id, "DELETE FROM sla_clocks WHERE ticket_id = :id", id=tickets[2].id)
    await execute(
        database,
        organization_id,
        "UPDATE sla_clocks SET instance = 7 WHERE ticket_id = :id AND metric = 'resolution'",
        id=tickets[0].id,
    )
    proof = await proven(database, organization_id)
    # Two that are gone, one that is not where it belongs, and one that is where none belongs.
    assert (proof.differing, proof.healed) == (4, 4)
    assert (await proven(database, organization_id)).differing == 0
    async with database.transaction(organization_id) as session:
        phantom = (
            await session.execute(text("SELECT state, next_threshold_at FROM sla_clocks WHERE instance = 7"))
        ).one()
    assert tuple(phantom) == ("cancelled", None)


async def test_a_healed_clock_tells_a_level_that_nobody_was_told_and_no_other(
    database: Database, organization_id: UUID, tickets: list[Ticket]
) -> None:
    tamper = "UPDATE sla_clocks SET level = 0, breached = false, breached_at = NULL, next_threshold_at = NULL"
    await execute(database, organization_id, f"{tamper} WHERE ticket_id = :id", id=tickets[1].id)
    count = text("SELECT count(*) FROM job_queue WHERE job_type = 'DELIVER_NOTIFICATION'")
    async with database.transaction(organization_id) as session:
        before = await session.scalar(count)
        await session.execute(text("DELETE FROM sla_events WHERE level = 100 AND kind = 'threshold'"))
    await proven(database, organization_id)
    await execute(database, organization_id, f"{tamper} WHERE ticket_id = :id", id=tickets[1].id)
    await proven(database, organization_id)
    async with database.transaction(organization_id) as session:
        told = (await session.execute(text("SELECT level FROM sla_events WHERE kind = 'threshold'"))).scalars().all()
        # Both clocks of the old ticket are over their time; each level is told once more, since its record was lost.
        assert (await session.scalar(count) or 0) - (before or 0) == list(told).count(100)


async def test_a_ticket_whose_log_cannot_be_replayed_is_counted_and_does_not_keep_the_others(
    database: Database, organization_id: UUID, tickets: list[Ticket]
) -> None:
    broken = "UPDATE ticket_events SET data = data - 'priority' WHERE ticket_id = :id AND kind = 'ticket.opened'"
    await execute(database, organization_id, broken, id=tickets[0].id)
    proof = await proven(database, organization_id)
    assert (proof.tickets, proof.failed, proof.differing) == (4, 1, 0)


async def test_a_proof_that_was_cut_short_goes_on_behind_the_last_chunk(
    database: Database, organization_id: UUID, tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpdesk.sla.proof.proving.CHUNK", 1)
    id_, seen = new_id(), []

    async def die(percent: float, _message: str) -> None:
        seen.append(percent)
        if len(seen) == 2:
            raise ConnectionError

    proving = Proving(database=database, organization_id=organization_id, id=id_, tell=die)
    with pytest.raises(ConnectionError):
        await proving.run()
    proof = await proven(database, organization_id, id_=id_)
    assert (proof.tickets, proof.clocks, proof.differing) == (4, 8, 0)
    assert seen == sorted(seen)
    async with database.transaction(organization_id) as session:
        [stored] = await list_proofs(session, organization_id=organization_id)
    assert (stored.id, stored.tickets, stored.finished_at is not None) == (id_, 4, True)


async def test_tickets_that_are_over_are_looked_at_when_they_were_touched_since_the_last_proof(
    database: Database, organization_id: UUID, tickets: list[Ticket]
) -> None:
    await proven(database, organization_id)
    await execute(
        database, organization_id, "UPDATE tickets SET updated_at = now() - interval '1 day' WHERE status = 'solved'"
    )
    assert (await proven(database, organization_id)).tickets == 3


async def test_a_wrong_count_of_open_time_is_set_right_and_an_unused_one_dropped(
    database: Database, organization_id: UUID, tickets: list[Ticket]
) -> None:
    await execute(database, organization_id, "UPDATE sla_calendar_now SET open_s = open_s + 1000")
    proof = await proven(database, organization_id)
    assert (proof.differing, proof.healed) == (1, 1)
    assert (await proven(database, organization_id)).differing == 0
    await execute(database, organization_id, "DELETE FROM sla_clocks")
    await execute(database, organization_id, "DELETE FROM ticket_events")
    await proven(database, organization_id)
    async with database.transaction(organization_id) as session:
        assert await session.scalar(text("SELECT count(*) FROM sla_calendar_now")) == 0


async def test_commands_and_ticks_while_a_proof_runs_are_not_taken_for_differences(
    database: Database, organization_id: UUID, settings: Settings, tickets: list[Ticket], agent: Actor
) -> None:
    async def work() -> None:
        for number in range(30):
            now = datetime.now(UTC)
            async with database.transaction(organization_id) as session:
                await change_status(
                    session,
                    organization_id=organization_id,
                    ticket_id=tickets[number % 3].id,
                    to=TicketStatus.PENDING if number % 2 else TicketStatus.OPEN,
                    actor=agent,
                    now=now,
                )
            async with database.transaction(organization_id) as session:
                await tick(session, organization_id=organization_id, now=now)

    working = asyncio.create_task(work())
    found = []
    while not working.done():
        found.append((await proven(database, organization_id)).sample)
    await working
    assert found == [[]] * len(found)
    assert found
