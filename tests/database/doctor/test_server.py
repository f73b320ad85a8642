"""What is wrong with a database server and its roles is found, each broken for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.doctor.checks import chosen_checks, run
from helpdesk.doctor.patient import Bounds, Patient
from helpdesk.settings import Settings
from tests.conftest import Server
from tests.database.doctor.conftest import Examine

NOWHERE = "postgresql://atum@127.0.0.1:1/atum"


@asynccontextmanager
async def undone(superuser: asyncpg.Connection, does: str, undoes: str) -> AsyncIterator[None]:
    """Do what is seen by every database of the server, and undo it however the test ends."""
    await superuser.execute(does)
    try:
        yield
    finally:
        await superuser.execute(undoes)


async def test_a_database_that_is_away_is_one_error_and_what_needs_it_is_skipped(patient: Patient) -> None:
    away = replace(patient, settings=patient.settings.model_copy(update={"database_url": NOWHERE}))
    found = await run(away, chosen_checks(["database", "queue", "program.python"]))

    assert [(each.check, each.state) for each in found if each.is_problem] == [("database.reachable", "error")]
    assert "127.0.0.1:1/atum does not answer" in found[1].says
    assert "ATUM_DATABASE_URL" in found[1].remedy
    assert {each.state for each in found if each.area == "queue"} == {"skipped"}
    assert found[0].check == "program.python"


async def test_a_login_or_a_database_that_is_not_there_is_told_apart(examine: Examine, settings: Settings) -> None:
    host = make_url(settings.database_url).query["host"]
    [found] = await examine("database.reachable", database_url=f"postgresql://atum@/nowhere?host={host}")
    assert (found.state, "no such database" in found.says) == ("error", True)
    [found] = await examine("database.reachable", database_url=f"postgresql://nobody@/postgres?host={host}")
    assert (found.state, "refuses the login" in found.says) == ("error", True)


async def test_a_database_that_takes_its_time_is_a_warning(examine: Examine) -> None:
    [found] = await examine("database.reachable", bounds=Bounds(slow_ms=-1))
    assert (found.state, found.figures["ms"] >= 0) == ("warning", True)


async def test_extension_and_schema_that_are_not_there_are_errors_with_the_remedy(
    examine: Examine, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("UPDATE alembic_version SET version_num = '202001010000'")
    [schema] = await examine("database.schema")
    assert (schema.state, schema.figures["verdict"]) == ("error", "too_old")
    assert "atum-desk migrate" in schema.remedy

    await superuser.execute("DROP EXTENSION vector CASCADE; DROP TABLE alembic_version")
    [vector] = await examine("database.extensions")
    assert (vector.state, "CREATE EXTENSION vector" in vector.remedy) == ("error", True)
    [schema] = await examine("database.schema")
    assert schema.figures["verdict"] == "empty"


async def test_tables_without_row_security_and_policies_for_everybody_are_named(
    examine: Examine, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("ALTER TABLE tickets DISABLE ROW LEVEL SECURITY")
    await superuser.execute("ALTER TABLE teams NO FORCE ROW LEVEL SECURITY")
    await superuser.execute("CREATE POLICY oops ON users TO atum_app USING (true)")

    bare, wide = await examine("database.tenancy")

    assert (bare.state, bare.figures["tables"]) == ("error", ["teams", "tickets"])
    assert (wide.state, wide.figures["policies"]) == ("error", ["users.oops"])


async def test_missing_grants_and_foreign_owners_are_named(examine: Examine, superuser: asyncpg.Connection) -> None:
    await superuser.execute("REVOKE SELECT ON tickets FROM atum_app; REVOKE DELETE ON workers FROM atum_worker")
    await superuser.execute("ALTER TABLE assets OWNER TO postgres")

    missing, foreign = await examine("database.grants")

    assert missing.figures["missing"] == ["atum_app: SELECT on tickets", "atum_worker: DELETE on workers"]
    assert "GRANT SELECT ON tickets TO atum_app" in missing.remedy
    assert foreign.figures["tables"] == ["assets (postgres)"]


async def test_roles_that_are_missing_or_above_row_security_are_errors(
    examine: Examine, superuser: asyncpg.Connection, server: Server
) -> None:
    async with undone(superuser, "ALTER ROLE atum_search RENAME TO gone", "ALTER ROLE gone RENAME TO atum_search"):
        [found] = await examine("database.roles")
        assert (found.state, found.figures["missing"]) == ("error", ["atum_search"])
    async with undone(superuser, "ALTER ROLE atum_app BYPASSRLS", "ALTER ROLE atum_app NOBYPASSRLS"):
        [found] = await examine("database.roles")
        assert (found.state, found.figures["above"]) == ("error", ["atum_app"])
    async with undone(superuser, "ALTER ROLE atum_app LOGIN", "ALTER ROLE atum_app NOLOGIN"):
        [found] = await examine("database.roles")
        assert (found.state, "atum_app may log in" in found.says) == ("warning", True)
    async with undone(superuser, "CREATE ROLE stranger LOGIN", "DROP ROLE stranger"):
        url = server.postgres.url(await superuser.fetchval("SELECT current_database()"), user="stranger")
        [found] = await examine("database.roles", database_url=url)
        assert found.figures["barred"] == ["atum_owner", "atum_app", "atum_worker"]
    url = server.postgres.url(await superuser.fetchval("SELECT current_database()"), user="postgres")
    [found] = await examine("database.roles", database_url=url)
    assert (found.state, "is a superuser" in found.says) == ("error", True)


async def test_a_server_that_may_lose_what_it_confirmed_is_an_error(examine: Examine) -> None:
    # The servers of tests are like that.
    [found] = await examine("database.durability")
    assert (found.state, found.figures["off"]) == ("error", ["fsync", "full_page_writes"])


async def test_a_database_that_takes_no_writes_is_an_error(examine: Examine, superuser: asyncpg.Connection) -> None:
    name = await superuser.fetchval("SELECT current_database()")
    await superuser.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    [found] = await examine("database.primary")
    assert (found.state, "read only" in found.says) == ("error", True)


async def test_a_replica_that_is_away_or_none_is_a_warning(examine: Examine, database_url: str) -> None:
    [found] = await examine("database.replica", database_replica_url=NOWHERE)
    assert (found.state, "cannot be reached" in found.says) == ("warning", True)
    [found] = await examine("database.replica", database_replica_url=database_url)
    assert (found.state, "no replica" in found.says) == ("warning", True)


async def test_a_way_past_the_pooler_that_leads_elsewhere_is_an_error(examine: Examine, server: Server) -> None:
    elsewhere = server.postgres.url("postgres")
    [found] = await examine("database.pooler", database_pgbouncer=True, database_listen_url=elsewhere)
    assert (found.state, "another database" in found.says) == ("error", True)
    [found] = await examine("database.pooler", database_pgbouncer=True, database_listen_url=NOWHERE)
    assert (found.state, "cannot be reached" in found.says) == ("error", True)


async def test_connections_that_run_out_are_told_before_they_have(
    examine: Examine, superuser: asyncpg.Connection
) -> None:
    [found] = await examine("database.connections", bounds=Bounds(connections_left=0.999))
    assert (found.state, found.figures["allowed"]) == ("warning", 197)
    await superuser.executemany(
        "INSERT INTO workers (id, kind, host, pid, state, capacity, version) VALUES ($1, 'job', 'h', 1, 'r', 1, '1')",
        [(new_id(),) for _ in range(40)],
    )
    [found] = await examine("database.connections")
    assert (found.state, found.figures["spoken_for"] >= 240) == ("error", True)


async def test_an_old_transaction_and_what_cannot_be_seen_are_warnings(
    examine: Examine, superuser: asyncpg.Connection, database: Database
) -> None:
    revoked = ("REVOKE pg_read_all_stats FROM atum_worker", "GRANT pg_read_all_stats TO atum_worker")
    async with undone(superuser, *revoked):
        [found] = await examine("database.transactions")
        assert (found.state, "GRANT pg_read_all_stats" in found.remedy) == ("warning", True)
    async with superuser.transaction():
        await superuser.execute("CREATE TABLE held (n int)")
        await asyncio.sleep(0.02)
        [found] = await examine("database.transactions", transaction_age_alarm_s=0.01)
        own = await superuser.fetchval("SELECT pg_backend_pid()")
    assert (found.state, f"pg_terminate_backend({own})" in found.remedy) == ("warning", True)


async def test_dead_rows_and_slots_that_keep_wal_are_told(examine: Examine, superuser: asyncpg.Connection) -> None:
    await superuser.execute(
        "INSERT INTO job_queue (id, organization_id, job_type) "
        "SELECT gen_random_uuid(), gen_random_uuid(), 'X' FROM generate_series(1, 50)"
    )
    await superuser.execute("DELETE FROM job_queue")
    await superuser.execute("SELECT pg_stat_force_next_flush()")
    [found] = await examine("database.dead_rows", bounds=Bounds(dead_rows=10))
    assert (found.state, found.figures["dead"]) == ("warning", 50)

    made, dropped = (
        "pg_create_physical_replication_slot('left_behind', true)",
        "pg_drop_replication_slot('left_behind')",
    )
    async with undone(superuser, f"SELECT {made}", f"SELECT {dropped}"):
        [found] = await examine("database.replication", bounds=Bounds(slot_lag=-1))
        assert (found.state, found.figures["slots"]) == ("error", 1)


@pytest.mark.parametrize(("off_s", "state"), [(0, "ok"), (5, "warning"), (-3600, "error")])
async def test_clocks_that_differ_are_told(patient: Patient, off_s: int, state: str) -> None:
    shifted = replace(patient, clock=lambda: datetime.now(UTC) + timedelta(seconds=off_s))
    found = (await run(shifted, chosen_checks(["time.clock"])))[-1]
    assert found.state == state
    assert abs(found.figures["ahead_s"] - off_s) < 1


async def test_a_time_zone_that_nobody_knows_is_an_error(
    examine: Examine, superuser: asyncpg.Connection, organization_id: object
) -> None:
    await superuser.execute("UPDATE organizations SET timezone = 'Mars/Olympus'")
    [found] = await examine("time.zones")
    assert (found.state, found.figures["unknown"]) == ("error", ["Mars/Olympus"])
