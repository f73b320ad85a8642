"""The product behind a real PgBouncer in transaction mode, with fewer server connections than clients."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database, connect_raw
from helpdesk.models.accounts import Organization
from helpdesk.models.jobs import Job
from helpdesk.queue import commands
from helpdesk.queue.enqueue import enqueue_many
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Completed, Outcome
from helpdesk.queue.wake import WakeUp
from helpdesk.settings import Settings
from tests.conftest import Server
from tests.database.queue.jobs import Behaviour, Echo, enqueue_echo, history, known, link, until, until_event, working
from tests.pooler import pooled_url, pooler
from workers.context import WorkerContext

# Three for dozens of clients: each transaction is likely to get another connection than the one before.
_SERVER_CONNECTIONS = 3


@pytest.fixture(autouse=True)
def _echo_is_known() -> Iterator[None]:
    with known(Echo):
        yield


@pytest.fixture
def settings(server: Server, database_url: str, tmp_path: Path) -> Iterator[Settings]:
    with pooler(server, pool_size=_SERVER_CONNECTIONS) as port:
        yield Settings(database_url=pooled_url(database_url, port), database_pgbouncer=True, data_dir=tmp_path)


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Link]:
    async with link(settings) as connection:
        yield connection


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


async def test_the_whole_life_of_jobs_goes_through_the_pooler(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    async def act(args: Echo, context: WorkerContext) -> Outcome:
        if args.n == 1 and behaviour.seen.count(1) == 1:
            raise LookupError("once")
        if args.n == 2:
            await context.progress(10)
            await asyncio.sleep(60)
        async with context.database.transaction(organization_id) as session:
            await session.execute(text("UPDATE organizations SET name = name || '!'"))
            await context.complete_in(session)
        return Completed()

    behaviour.act = act
    # A wish to cancel is seen by the next beat.
    often = settings.model_copy(update={"lease_heartbeat_s": 0.5})
    async with working(often, behaviour.handlers), working(often, behaviour.handlers):
        async with database.transaction(organization_id) as session:
            jobs = await enqueue_many(session, [Echo(n=n) for n in range(30)], organization_id=organization_id)
        await until_event(connection, jobs[1], "retried")
        await connection.fetch("UPDATE job_queue SET run_after = now() WHERE id = $1", jobs[1])
        await until(connection, jobs[2], "running")
        async with database.transaction(organization_id) as session:
            await commands.cancel(session, organization_id=organization_id, job_id=jobs[2])
        cancelled = await until(connection, jobs[2], "cancelled", within_s=20)
        for job in jobs[:2] + jobs[3:]:
            await until(connection, job, "completed", within_s=20)
    assert cancelled["progress"] == '{"message": "", "percent": 10.0}'
    assert await history(connection, jobs[1]) == ["enqueued", "started", "retried", "started", "completed"]
    names = await connection.fetch("SELECT name FROM organizations WHERE id = $1", organization_id)
    assert names[0]["name"] == "Test organisation" + 29 * "!"


async def test_sessions_of_many_tenants_keep_apart_on_shared_connections(
    settings: Settings, database: Database, connection: Link
) -> None:
    tenants = [new_id() for _ in range(8)]
    for tenant in tenants:
        async with database.transaction(tenant) as session:
            session.add(Organization(id=tenant, slug=f"t-{tenant.hex[-8:]}", name=str(tenant)))
        await enqueue_echo(database, tenant, n=7)

    async def look(tenant: UUID) -> None:
        for _ in range(15):
            async with database.transaction(tenant) as session:
                assert (await session.scalars(select(Job.organization_id))).all() == [tenant]
                await asyncio.sleep(0)
                assert (await session.execute(text("SELECT current_role"))).scalar_one() == "atum_app"
            async with database.transaction(None) as session:
                assert (await session.scalars(select(Job.id))).all() == []
            await asyncio.sleep(0.001)

    async def work() -> None:
        for _ in range(40):
            rows = await connection.fetch("SELECT current_role AS role, count(*) AS jobs FROM job_queue")
            assert tuple(rows[0]) == ("atum_worker", len(tenants))

    await asyncio.gather(*(look(tenant) for tenant in tenants for _ in range(2)), work())


async def test_nothing_of_a_client_stays_on_the_server_connection(settings: Settings, database: Database) -> None:
    tenant = new_id()
    for role in ("atum_app", "atum_worker"):
        async with database.transaction(tenant, role=role) as session:
            await session.execute(text("SELECT count(*) FROM job_queue"))
    async with link(settings) as own:
        await own.fetch("SELECT 1")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await own.fetch("SELECT 1 / 0")
        async with own.transaction() as transaction:
            await transaction.fetch("SELECT set_config('atum.organization_id', $1, true)", str(tenant))
    stranger = await connect_raw(settings, application="stranger", role="atum_owner")
    try:
        for _ in range(2 * _SERVER_CONNECTIONS):
            async with stranger.transaction():
                left = await stranger.fetchrow(
                    "SELECT current_role AS role, current_setting('atum.organization_id', true) AS tenant, "
                    "(SELECT count(*) FROM pg_prepared_statements WHERE name <> '') AS prepared"
                )
            assert (left["role"], left["tenant"] or "", left["prepared"]) == ("atum", "", 0)
    finally:
        await stranger.close()


async def test_statements_of_different_clients_are_never_mixed_up(settings: Settings, database: Database) -> None:
    async def through_link(n: int) -> None:
        async with link(settings) as own:
            for turn in range(20):
                columns = ", ".join(f"$1::int + {n} AS c{column}" for column in range(n % 3 + 1))
                rows = await own.fetch(f"SELECT {columns}", turn)
                assert set(rows[0].values()) == {turn + n}

    async def through_session(n: int) -> None:
        for turn in range(20):
            async with database.transaction(None) as session:
                value = await session.execute(text(f"SELECT CAST(:turn AS int) * {n}"), {"turn": turn})
                assert value.scalar_one() == turn * n

    await asyncio.gather(*(through_link(n) for n in range(8)), *(through_session(n) for n in range(8)))


async def test_a_failed_statement_leaves_the_link_usable_and_its_transaction_undone(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    await enqueue_echo(database, organization_id)
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with connection.transaction() as transaction:
            await transaction.fetch("UPDATE job_queue SET progress = '{}'")
            await transaction.fetch("SELECT 1 / 0")
    assert [row[0] for row in await connection.fetch("SELECT progress FROM job_queue")] == [None]
    with pytest.raises(DBAPIError, match="division by zero"):
        async with database.transaction(organization_id) as session:
            await session.execute(text("SELECT 1 / 0"))
    async with database.transaction(organization_id) as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1


async def test_without_a_direct_way_to_postgresql_a_worker_polls_and_says_so_once(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with working(settings, behaviour.handlers):
            await asyncio.sleep(0.2)
            await until(connection, await enqueue_echo(database, organization_id), "completed")
    assert [log["event"] for log in logs].count("polling_only") == 1


async def test_with_a_direct_way_a_worker_is_woken_through_it(
    settings: Settings,
    database_url: str,
    database: Database,
    organization_id: UUID,
    connection: Link,
    behaviour: Behaviour,
) -> None:
    patient = settings.model_copy(update={"database_listen_url": database_url, "poll_interval": 30.0})
    async with working(patient, behaviour.handlers), WakeUp(settings):
        await asyncio.sleep(0.3)
        job = await enqueue_echo(database, organization_id)
        await until(connection, job, "completed", within_s=5)
