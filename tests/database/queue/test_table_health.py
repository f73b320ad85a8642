"""The queue's table, and the transactions that keep it from being cleaned up."""

import asyncio
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from helpdesk.database.engine import Database, connect_raw
from helpdesk.database.roles import prepare_database
from helpdesk.queue.link import Link
from helpdesk.queue.table_health import TableHealth, table_health, table_health_over
from helpdesk.settings import Settings
from tests.conftest import Server
from tests.database.queue.jobs import enqueue_echo
from workers.horizon import HorizonWatch

HEALTHY = TableHealth(
    live_rows=10,
    dead_rows=2,
    table_bytes=8192,
    horizon_age_s=None,
    horizon_pid=None,
    horizon_application=None,
    horizon_state=None,
    oldest_transaction_s=None,
    prepared_transactions=0,
    replication_slots=0,
    replication_slots_lag=0,
    sees_all=True,
)


async def test_a_transaction_that_keeps_dead_rows_is_seen_with_whose_it_is(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    assert (await table_health_over(connection)).horizon_age_s is None
    holder = await database.connect_raw(role="atum_app")
    await holder.execute("SET application_name = 'a-report'")
    transaction = holder.transaction(isolation="repeatable_read")
    await transaction.start()
    await holder.fetch("SELECT count(*) FROM organizations")
    await asyncio.sleep(0.3)
    found = await table_health_over(connection)
    await transaction.rollback()
    assert found.sees_all
    assert 0.3 <= (found.horizon_age_s or 0) < 20
    assert found.oldest_transaction_s == found.horizon_age_s
    assert (found.horizon_pid, found.horizon_application) == (holder.get_server_pid(), "a-report")
    assert found.horizon_state == "idle in transaction"
    await holder.close()


async def test_a_transaction_that_holds_nothing_is_old_but_not_in_the_way(database: Database, connection: Link) -> None:
    idle = await database.connect_raw(role="atum_app")
    transaction = idle.transaction()
    await transaction.start()
    await idle.execute("SELECT 1")
    await asyncio.sleep(0.2)
    found = await table_health_over(connection)
    await transaction.rollback()
    await idle.close()
    assert (found.oldest_transaction_s or 0) >= 0.2
    assert found.horizon_age_s is None


async def test_dead_rows_are_counted(database: Database, organization_id: UUID, connection: Link) -> None:
    for _ in range(3):
        await enqueue_echo(database, organization_id)
    await connection.fetch("UPDATE job_queue SET updated_at = now()")
    # Each connection tells what it did now and then; here at once.
    await connection.fetch("SELECT pg_stat_force_next_flush()")
    async with database.transaction(None, role="atum_worker") as session:
        await session.execute(text("SELECT pg_stat_force_next_flush()"))
    async with database.transaction(None, role="atum_worker") as session:
        found = await table_health(session)
    assert (found.live_rows, found.dead_rows) == (3, 3)
    assert found.table_bytes > 8192
    assert (found.prepared_transactions, found.replication_slots_lag) == (0, 0)


async def test_without_the_right_to_see_other_sessions_it_says_so(database: Database) -> None:
    # The application role has no such right.
    async with database.transaction(None, role="atum_app") as session:
        found = await table_health(session)
    assert not found.sees_all
    assert found.horizon_age_s is None
    with capture_logs() as logs:
        watch = HorizonWatch(alarm_s=600)
        watch.judge(found)
        watch.judge(found)
    assert [entry["event"] for entry in logs] == ["transaction_horizon_unseen"]


async def test_a_login_that_may_not_give_the_right_goes_without(
    server: Server, settings: Settings, connection: Link
) -> None:
    host = str(server.postgres.socket_folder)
    administrator = await asyncpg.connect(host=host, user="postgres", database="postgres")
    await administrator.execute("REVOKE pg_read_all_stats FROM atum_worker")
    try:
        login = await connect_raw(settings, application="test", role=None)
        async with login.transaction():
            await prepare_database(login)
            # The transaction it was tried in is as good as before.
            assert await login.fetchval("SELECT 1") == 1
        await login.close()
        assert not (await table_health_over(connection)).sees_all
    finally:
        await administrator.execute("GRANT pg_read_all_stats TO atum_worker")
        await administrator.close()


@pytest.mark.parametrize(("age", "events"), [(None, []), (599.0, []), (601.0, ["transaction_horizon_old"])])
def test_only_an_old_transaction_is_warned_of(age: float | None, events: list[str]) -> None:
    with capture_logs() as logs:
        HorizonWatch(alarm_s=600).judge(
            replace(HEALTHY, horizon_age_s=age, horizon_pid=7, horizon_application="psql", dead_rows=50)
        )
    assert [entry["event"] for entry in logs] == events
    if logs:
        assert (logs[0]["age_s"], logs[0]["pid"], logs[0]["application"], logs[0]["dead_rows"]) == (601, 7, "psql", 50)


def test_a_replication_slot_that_keeps_a_gigabyte_is_warned_of() -> None:
    with capture_logs() as logs:
        HorizonWatch(alarm_s=600).judge(replace(HEALTHY, replication_slots=1, replication_slots_lag=2 << 30))
    assert [(entry["event"], entry["slots"]) for entry in logs] == [("replication_slot_lags", 1)]
