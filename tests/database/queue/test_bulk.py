"""Many jobs set right at once."""

from __future__ import annotations

from uuid import UUID, uuid4

from helpdesk.database.engine import Database
from helpdesk.queue.bulk import Changed, cancel_pending, replay_dead_letters
from helpdesk.queue.filters import JobFilter
from helpdesk.queue.link import Link
from tests.database.queue.jobs import claim_one, enqueue_echo, history, row
from tests.database.queue.test_queries import dead_letter


async def _replay(database: Database, organization_id: UUID, **options: object) -> Changed:
    async with database.transaction(organization_id) as session:
        return await replay_dead_letters(session, organization_id=organization_id, **options)


async def test_dead_letters_are_replayed_by_what_they_have_in_common_and_spread_over_time(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    mail = {await dead_letter(database, organization_id, connection, error="no mail host") for _ in range(6)}
    other = await dead_letter(database, organization_id, connection, error="no disk")
    stranger = await dead_letter(database, uuid4(), connection)

    assert (await _replay(database, organization_id, where=JobFilter(job_type="TRIAGE_TICKET"))).ids == []
    replayed = await _replay(database, organization_id, where=JobFilter(error="mail"), spread_s=600)

    assert set(replayed.ids) == mail
    assert not replayed.more
    waits = await connection.fetch(
        "SELECT extract(epoch FROM run_after - now())::float8 FROM job_queue WHERE status = 'pending'"
    )
    assert all(-5 < wait[0] <= 600 for wait in waits)
    assert max(wait[0] for wait in waits) > 10
    assert (await row(connection, other))["status"] == "dead_letter"
    assert (await row(connection, stranger))["status"] == "dead_letter"
    assert (await _replay(database, organization_id, where=JobFilter(ids=(other, stranger)))).ids == [other]
    assert await history(connection, other) == ["enqueued", "started", "dead_lettered", "replayed"]


async def test_dead_letters_are_replayed_a_page_at_a_time_the_first_to_die_first(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    dead = [await dead_letter(database, organization_id, connection) for _ in range(5)]
    first = await _replay(database, organization_id, most=3)
    second = await _replay(database, organization_id, most=3)
    assert (set(first.ids), first.more) == (set(dead[:3]), True)
    assert (set(second.ids), second.more) == (set(dead[3:]), False)


async def test_of_dead_letters_with_one_key_the_first_is_replayed_and_none_beside_a_live_job(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    first, second = [await dead_letter(database, organization_id, connection, unique_key="k") for _ in range(2)]
    blocked = await dead_letter(database, organization_id, connection, unique_key="live")
    live = await enqueue_echo(database, organization_id, unique_key="live")

    assert (await _replay(database, organization_id)).ids == [first]
    assert (await _replay(database, organization_id)).ids == []
    for dead in (second, blocked):
        assert (await row(connection, dead))["status"] == "dead_letter"
    assert (await row(connection, live))["status"] == "pending"


async def test_everybodys_dead_letters_are_replayed_for_the_worker_role(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    dead = {await dead_letter(database, owner, connection) for owner in (organization_id, uuid4())}
    async with database.transaction(None, role="atum_worker") as session:
        assert set((await replay_dead_letters(session, organization_id=None)).ids) == dead


async def test_waiting_jobs_are_cancelled_by_what_they_have_in_common_and_running_ones_go_on(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    running = await enqueue_echo(database, organization_id)
    await claim_one(connection)
    waiting = [await enqueue_echo(database, organization_id) for _ in range(3)]
    stranger = await enqueue_echo(database, uuid4())

    async def cancel(where: JobFilter, most: int = 1000) -> Changed:
        async with database.transaction(organization_id) as session:
            return await cancel_pending(
                session, organization_id=organization_id, where=where, reason="a mistake", most=most
            )

    assert (await cancel(JobFilter(queue="ai"))).ids == []
    page = await cancel(JobFilter(job_type="TEST_ECHO"), most=2)
    assert (page.ids, page.more) == (waiting[:2], True)
    page = await cancel(JobFilter())
    assert (page.ids, page.more) == (waiting[2:], False)
    assert await history(connection, waiting[0]) == ["enqueued", "cancelled"]
    cancelled = await row(connection, waiting[0])
    assert (cancelled["status"], cancelled["finished_at"] is not None) == ("cancelled", True)
    assert (await row(connection, running))["status"] == "running"
    assert (await row(connection, stranger))["status"] == "pending"
