"""Jobs are part of the transaction that makes them necessary."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import JobPriority, UserRole
from helpdesk.queue.args import JobArgs
from helpdesk.queue.catalog import DeliverNotification, TriageTicket
from helpdesk.queue.decode import InvalidPayload, JobTypeNotOpen, UnknownJobType, decode, role_to_enqueue
from helpdesk.queue.enqueue import KeyedJob, enqueue, enqueue_many, enqueue_unless_waiting
from helpdesk.queue.link import Link
from helpdesk.queue.wake import CHANNEL, WakeUp
from helpdesk.settings import Settings
from tests.database.queue.jobs import Echo, claim_one, enqueue_echo, history, link, row


async def test_a_job_exists_once_its_transaction_commits_and_never_when_it_does_not(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    async with database.transaction(organization_id) as session:
        kept = await enqueue(session, Echo(n=1), organization_id=organization_id)
        assert await connection.fetch("SELECT 1 FROM job_queue") == []

    async def change_of_mind() -> None:
        async with database.transaction(organization_id) as session:
            await enqueue(session, Echo(n=2), organization_id=organization_id)
            raise LookupError

    with pytest.raises(LookupError):
        await change_of_mind()

    jobs = await connection.fetch("SELECT id, payload, max_retries, timeout_s, priority FROM job_queue")
    assert [tuple(job) for job in jobs] == [(kept, '{"n": 1}', 2, 30, "normal")]
    assert await history(connection, kept) == ["enqueued"]


async def test_what_the_caller_says_goes_before_what_the_type_says(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    later, parent = datetime.now(UTC) + timedelta(hours=1), uuid4()
    job = await enqueue_echo(
        database, organization_id, run_after=later, priority=JobPriority.HIGH, max_retries=0, parent_id=parent
    )
    stored = await row(connection, job)
    assert (stored["run_after"], stored["priority"], stored["max_retries"]) == (later, "high", 0)
    assert stored["parent_id"] == parent


async def test_many_jobs_of_several_types_are_enqueued_in_order(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    ticket = uuid4()
    async with database.transaction(organization_id) as session:
        made: list[JobArgs] = [*(Echo(n=n) for n in range(500)), TriageTicket(ticket_id=ticket)]
        ids = await enqueue_many(session, made, organization_id=organization_id)
        assert await enqueue_many(session, [], organization_id=organization_id) == []
    stored = {job["id"]: job for job in await connection.fetch("SELECT * FROM job_queue")}
    assert len(ids) == len(stored) == 501
    assert [stored[job]["payload"] for job in ids[:500]] == [f'{{"n": {n}}}' for n in range(500)]
    assert (stored[ids[-1]]["job_type"], stored[ids[-1]]["timeout_s"]) == ("TRIAGE_TICKET", 300)
    events = await connection.fetch("SELECT count(*) FROM job_events WHERE event = 'enqueued'")
    assert events[0][0] == 501


async def test_a_live_job_with_the_unique_key_stands_for_the_new_one(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    first = await enqueue_echo(database, organization_id, unique_key="k")
    assert await enqueue_echo(database, organization_id, unique_key="k") == first
    other = await enqueue_echo(database, organization_id, unique_key="other")
    running = await claim_one(connection)
    assert running.id == first
    assert await enqueue_echo(database, organization_id, unique_key="k") == first
    await connection.fetch("UPDATE job_queue SET status = 'completed', locked_by = NULL WHERE id = $1", first)
    assert await enqueue_echo(database, organization_id, unique_key="k") not in (first, other)


async def test_a_unique_key_holds_among_twenty_at_once(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    ids = await asyncio.gather(*(enqueue_echo(database, organization_id, unique_key="same") for _ in range(20)))
    assert len(set(ids)) == 1
    assert len(await connection.fetch("SELECT 1 FROM job_queue")) == 1
    assert await history(connection, ids[0]) == ["enqueued"]


async def test_an_open_transaction_with_the_key_does_not_hold_up_the_running_job(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id, unique_key="k")
    await claim_one(connection)
    async with database.transaction(organization_id) as session:
        assert await enqueue(session, Echo(), organization_id=organization_id, unique_key="k") == job
        locked = "SELECT 1 FROM job_queue WHERE id = $1 FOR UPDATE NOWAIT"
        assert len(await connection.fetch(locked, job)) == 1


async def test_organisations_do_not_share_unique_keys_nor_see_each_others_jobs(
    database: Database, organization_id: UUID
) -> None:
    mine = await enqueue_echo(database, organization_id, unique_key="k")
    theirs = uuid4()
    assert await enqueue_echo(database, theirs, unique_key="k") != mine
    async with database.transaction(organization_id) as session:
        visible = (await session.execute(text("SELECT id FROM job_queue"))).scalars().all()
    assert visible == [mine]


async def test_unknown_types_and_bad_payloads_are_refused_with_what_is_wrong(
    database: Database, organization_id: UUID
) -> None:
    class Stray(JobArgs):
        job_type = "STRAY"

    with pytest.raises(UnknownJobType, match=r"no job type 'STRAY'; known are .*TRIAGE_TICKET"):
        async with database.transaction(organization_id) as session:
            await enqueue_many(session, [Echo(), Stray()], organization_id=organization_id)
    with pytest.raises(InvalidPayload, match="TRIAGE_TICKET does not take this: ticket_id: Field required") as refused:
        decode("TRIAGE_TICKET", {})
    assert refused.value.context["errors"] == [{"pointer": "/payload/ticket_id", "problem": "Field required"}]
    with pytest.raises(InvalidPayload, match="payload"):
        decode("TEST_ECHO", "not json")
    assert decode("TEST_ECHO", {"n": 3, "from_a_newer_version": 1}) == Echo(n=3)


async def test_a_job_type_says_who_may_ask_for_it_from_outside() -> None:
    assert role_to_enqueue("TRIAGE_TICKET") is UserRole.AGENT
    with pytest.raises(JobTypeNotOpen, match="DELIVER_NOTIFICATION"):
        role_to_enqueue(DeliverNotification.job_type)
    with pytest.raises(UnknownJobType):
        role_to_enqueue("NO_SUCH_TYPE")


async def test_one_wake_up_follows_a_commit_however_many_jobs_and_none_a_rollback(
    settings: Settings, database: Database, organization_id: UUID
) -> None:
    heard: list[str] = []

    async def listen(raw: asyncpg.Connection) -> None:
        await raw.add_listener(CHANNEL, lambda *said: heard.append(said[3]))

    async with link(settings) as ears, WakeUp(settings):
        ears._on_connect = listen
        await ears.fetch("SELECT 1")
        async with database.transaction(organization_id) as session:
            for n in range(10):
                await enqueue(session, Echo(n=n), organization_id=organization_id)
            await asyncio.sleep(0.1)
            assert heard == []
        await asyncio.sleep(0.2)
        assert heard == ["jobs"]
        async with database.transaction(organization_id) as session:
            await enqueue(session, Echo(), organization_id=organization_id)
            await session.rollback()
        await asyncio.sleep(0.2)
        assert heard == ["jobs"]


async def test_keyed_jobs_of_one_statement_are_made_only_where_none_waits(
    database: Database, organization_id: UUID
) -> None:
    async with database.transaction(organization_id) as session:
        first = await enqueue(session, Echo(n=1), organization_id=organization_id, unique_key="a")
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        jobs = [KeyedJob(Echo(n=2), "a"), KeyedJob(Echo(n=3), "b", tomorrow)]
        await enqueue_unless_waiting(session, jobs, organization_id=organization_id)
        await enqueue_unless_waiting(session, jobs, organization_id=organization_id)
        rows = (
            await session.execute(text("SELECT id, payload ->> 'n' AS n, run_after FROM job_queue ORDER BY unique_key"))
        ).all()
        events = await session.scalar(text("SELECT count(*) FROM job_events WHERE event = 'enqueued'"))
    assert [(row.n, row.run_after == tomorrow) for row in rows] == [("1", False), ("3", True)]
    assert rows[0].id == first
    assert events == 2


async def test_many_jobs_may_be_keyed_and_the_ids_of_those_that_stand_for_them_are_returned(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    live = await enqueue_echo(database, organization_id, unique_key="live")
    parent, later = uuid4(), datetime.now(UTC) + timedelta(hours=1)
    async with database.transaction(organization_id) as session:
        made: list[JobArgs | KeyedJob] = [
            KeyedJob(Echo(n=1), "live"),
            Echo(n=2),
            KeyedJob(Echo(n=3), "new", later),
            KeyedJob(Echo(n=4), "new"),
        ]
        ids = await enqueue_many(session, made, organization_id=organization_id, max_retries=9, parent_id=parent)
    assert ids[0] == live
    assert ids[2] == ids[3]
    assert len({*ids}) == 3
    stored = [await row(connection, job) for job in ids[1:3]]
    assert [(job["payload"], job["max_retries"], job["parent_id"]) for job in stored] == [
        ('{"n": 2}', 9, parent),
        ('{"n": 3}', 9, parent),
    ]
    assert stored[1]["run_after"] == later
    assert len(await connection.fetch("SELECT 1 FROM job_queue")) == 3
    assert [await history(connection, job) for job in ids[:3]] == [["enqueued"]] * 3
