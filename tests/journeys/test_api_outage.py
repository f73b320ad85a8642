"""What a caller is told when the database fails: never that something was stored which was not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from sqlalchemy import text

from helpdesk.database.engine import Database
from tests.conftest import Server, _run_in_thread
from tests.journeys.processes import Running

TICKET = {"subject": "fails at commit", "body": "b"}


async def test_a_commit_that_fails_is_no_201(client: httpx.AsyncClient, database: Database, api: Running) -> None:
    async with database.transaction(None, role="atum_owner") as session:
        await session.execute(
            text("""
                CREATE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'the disk of secret-host is full'; END $$
            """)
        )
        await session.execute(
            text("""
                CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON tickets DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.subject = 'fails at commit') EXECUTE FUNCTION refuse_late()
            """)
        )

    answer = await client.post("/api/v1/tickets", json=TICKET, headers={"X-Request-ID": "late-1"})

    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal-error"
    assert "secret-host" not in answer.text
    assert "secret-host" in api.log()
    await api.wait_for_log(r"event=request_completed .*status_code=500 .*request_id=late-1")
    assert (await client.get("/api/v1/tickets")).json()["items"] == []


@asynccontextmanager
async def _database_away(server: Server, url: str) -> AsyncIterator[None]:
    name = url.partition("?")[0].rpartition("/")[2]

    def say(statement: str) -> None:
        _run_in_thread(server.postgres, statement)

    say(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    try:
        yield
    finally:
        say(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


async def test_a_database_that_is_away_is_a_503_and_comes_back_by_itself(
    client: httpx.AsyncClient,
    connect: Callable[[str | None], httpx.AsyncClient],
    server: Server,
    database_url: str,
    database: Database,
) -> None:
    assert (await client.get("/api/v1/tickets")).status_code == 200
    await database.close()

    async with _database_away(server, database_url):
        reading = await client.get("/api/v1/tickets")
        writing = await client.post("/api/v1/tickets", json=TICKET)
        ready = await connect(None).get("/api/v1/ready")
        alive = await connect(None).get("/api/v1/health")
    await asyncio.sleep(5.5)
    health = await connect(None).get("/api/v1/health")

    for answer in (reading, writing, ready):
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"]
        assert answer.headers["content-type"] == "application/problem+json"
    assert alive.status_code == 200
    assert alive.json()["components"]["database"]["state"] == "away"
    assert (await client.get("/api/v1/tickets")).status_code == 200
    assert health.json()["components"]["database"]["state"] == "ok"
