"""Reads from a real standby, whose replay the tests hold up: never without what the reader has written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from helpdesk.accounts.commands import create_organization, create_user, issue_token
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.database.positions import read_position
from helpdesk.models.values import UserRole
from helpdesk.settings import Settings
from tests.failover.pair import Pair
from tests.failover.round import Scene
from tests.waiting import eventually

ROUNDS = 12


@asynccontextmanager
async def held_up(pair: Pair) -> AsyncIterator[None]:
    """Have the standby show nothing new."""
    await pair.say(pair.standby, "SELECT pg_wal_replay_pause()")
    try:
        await eventually(lambda: _is_held_up(pair), every_s=0.01)
        yield
    finally:
        await pair.say(pair.standby, "SELECT pg_wal_replay_resume()")


async def _is_held_up(pair: Pair) -> bool:
    state: str = await pair.say(pair.standby, "SELECT pg_get_wal_replay_pause_state()")
    return state == "paused"


async def read_from(client: httpx.AsyncClient, path: str = "/api/v1/tickets") -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.headers["Atum-Read-From"]


async def until_replica_serves(client: httpx.AsyncClient) -> None:
    async def serves() -> bool:
        return await read_from(client) == "replica"

    await eventually(serves, within_s=30)


async def open_ticket(client: httpx.AsyncClient) -> tuple[str, str]:
    subject = f"written {uuid4().hex}"
    answer = await client.post("/api/v1/tickets", json={"subject": subject, "body": "b"})
    assert answer.status_code == 201, answer.text
    return subject, answer.headers["Atum-Read-After"]


async def subjects(client: httpx.AsyncClient, **headers: str) -> tuple[set[str], str]:
    answer = await client.get("/api/v1/tickets", headers=headers)
    return {ticket["subject"] for ticket in answer.json()["items"]}, answer.headers["Atum-Read-From"]


@pytest.fixture
async def elsewhere(pair: Pair) -> AsyncIterator[Database]:
    """Give the pools of another host."""
    settings = Settings(database_url=pair.url, database_replica_url=pair.replica_url)
    database = Database(settings, application="elsewhere")
    yield database
    await database.close()


async def account(database: Database, name: str) -> tuple[UUID, UUID, str]:
    """Make an organisation with an administrator; return both and a token."""
    identifier = new_id()
    async with database.transaction(identifier) as session:
        await create_organization(session, slug=f"{name}-{identifier.hex[-8:]}", name=name, organization_id=identifier)
        user = await create_user(
            session,
            organization_id=identifier,
            email="somebody@example.test",
            name="Somebody",
            role=UserRole.ADMIN,
            password="a long enough password",
        )
        token = await issue_token(
            session, organization_id=identifier, user_id=user.id, name="test", now=user.created_at
        )
    return identifier, user.id, token.text


@pytest.mark.usefixtures("faults")
async def test_a_read_after_a_write_always_shows_it(client: httpx.AsyncClient, pair: Pair) -> None:
    await until_replica_serves(client)
    servers = set()
    for number in range(ROUNDS):
        if number % 4:
            subject, _ = await open_ticket(client)
            shown, server = await subjects(client)
        else:
            async with held_up(pair):
                subject, _ = await open_ticket(client)
                shown, server = await subjects(client)
            assert server == "primary"
        assert subject in shown, (number, server)
        servers.add(server)
        if not number % 5:
            await until_replica_serves(client)
    assert await read_from(client) in {"primary", "replica"}
    assert "primary" in servers


async def test_what_another_host_wrote_is_shown_to_whoever_says_so(
    client: httpx.AsyncClient, scene: Scene, pair: Pair, elsewhere: Database
) -> None:
    await until_replica_serves(client)
    async with held_up(pair):
        subject, position = await open_ticket(client)
        # This process did not write it, as another host of the API did not.
        organization_id = await _organization_of(pair, "failover")
        async with elsewhere.reading(organization_id, at_least=read_position(position)) as reading:
            count = text("SELECT count(*) FROM tickets WHERE subject = :subject")
            found = await reading.session.scalar(count, {"subject": subject})
        assert (found, reading.server) == (1, "primary")
        shown, server = await subjects(client, **{"Atum-Read-After": position})
        assert subject in shown
        assert server == "primary"
    far, server = await subjects(client, **{"Atum-Read-After": "FFFFFFFF/FFFFFFFF"})
    assert subject in far
    assert server == "primary"


async def test_a_position_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/tickets", headers={"Atum-Read-After": "yesterday"})

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/position-malformed"


async def test_a_replica_that_lags_too_far_is_not_asked(client: httpx.AsyncClient, pair: Pair) -> None:
    await until_replica_serves(client)
    async with held_up(pair):
        # Nothing of this organisation is written, yet the log goes on.
        await pair.say(pair.primary, "SELECT pg_switch_wal()")

        async def served_by_the_primary() -> bool:
            await pair.say(pair.primary, "SELECT pg_logical_emit_message(true, 'test', 'on')")
            return await read_from(client) == "primary"

        await eventually(served_by_the_primary, within_s=30, every_s=0.2)
    await until_replica_serves(client)


async def test_every_read_that_a_replica_may_serve_is_served_there(client: httpx.AsyncClient, scene: Scene) -> None:
    await open_ticket(client)
    await until_replica_serves(client)
    api = (await client.get("/api/v1/openapi.json")).json()
    paths = [
        path
        for path, methods in api["paths"].items()
        if any(parameter["name"] == "Atum-Read-After" for parameter in methods.get("get", {}).get("parameters", []))
    ]
    plain = [path for path in paths if "{" not in path]
    assert len(plain) > 20

    answers = {path: await client.get(path) for path in plain}
    searched = await client.post("/api/v1/rag/search", json={"query": "printer"})

    failed = {path: (a.status_code, a.text[:200]) for path, a in answers.items() if a.status_code not in {200, 422}}
    assert failed == {}
    assert searched.status_code == 200, searched.text
    served = {path: answer.headers["Atum-Read-From"] for path, answer in answers.items() if answer.status_code == 200}
    assert list(served.values()).count("replica") > len(served) * 0.8, served
    assert searched.headers["Atum-Read-From"] == "replica"


async def test_a_replica_shows_an_organisation_only_its_own(
    client: httpx.AsyncClient, scene: Scene, elsewhere: Database
) -> None:
    await open_ticket(client)
    _, _, token = await account(elsewhere, "stranger")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=scene.api_url, headers=headers, trust_env=False) as stranger:
        await until_replica_serves(stranger)
        answer = await stranger.get("/api/v1/tickets")

    assert answer.json()["items"] == []
    assert answer.headers["Atum-Read-From"] == "replica"


async def test_whoever_is_shut_out_is_so_at_once_however_far_behind_the_replica_is(
    scene: Scene, pair: Pair, elsewhere: Database
) -> None:
    identifier, user_id, token = await account(elsewhere, "leaver")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=scene.api_url, headers=headers, trust_env=False) as leaver:
        await until_replica_serves(leaver)
        async with held_up(pair):
            async with elsewhere.transaction(identifier) as session:
                await session.execute(text("UPDATE users SET active = false WHERE id = :id"), {"id": user_id})
            answer = await leaver.get("/api/v1/tickets")

    assert answer.status_code == 401


async def test_a_snapshot_is_taken_on_a_replica_only_once_it_has_all_that_is_there(
    pair: Pair, elsewhere: Database
) -> None:
    identifier, _, _ = await account(elsewhere, "exporter")
    on_standby = text("SELECT pg_is_in_recovery(), (SELECT count(*) FROM users)")

    async with elsewhere.snapshot(identifier) as session:
        caught_up = (await session.execute(on_standby)).one()
    async with held_up(pair):
        async with elsewhere.transaction(identifier) as session:
            await session.execute(text("UPDATE users SET name = 'Another'"))
        async with elsewhere.snapshot(identifier) as session:
            held = (await session.execute(on_standby)).one()
            name = await session.scalar(text("SELECT name FROM users"))

    assert tuple(caught_up) == (True, 1)
    assert tuple(held) == (False, 1)
    assert name == "Another"


async def test_a_read_that_writes_is_refused_on_either_server(pair: Pair, elsewhere: Database) -> None:
    identifier, _, _ = await account(elsewhere, "writer")
    for at_least in (0, 2**62):
        with pytest.raises(Exception, match="read-only transaction"):
            async with elsewhere.reading(identifier, at_least=at_least) as reading:
                await reading.session.execute(text("UPDATE users SET name = 'x'"))


async def test_while_the_replica_is_away_the_primary_serves(client: httpx.AsyncClient, pair: Pair) -> None:
    await until_replica_serves(client)
    # The primary would wait for its only standby before it called anything committed.
    await pair.say(pair.primary, "ALTER SYSTEM SET synchronous_standby_names = ''")
    await pair.say(pair.primary, "SELECT pg_reload_conf()")
    await asyncio.to_thread(pair.standby.stop)
    try:
        subject, _ = await open_ticket(client)
        for _ in range(5):
            shown, server = await subjects(client)
            assert subject in shown
            assert server == "primary"
    finally:
        await asyncio.to_thread(pair.standby.start)
        await pair.until_following()
        await pair.say(pair.primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        await pair.say(pair.primary, "SELECT pg_reload_conf()")
    await until_replica_serves(client)


async def _organization_of(pair: Pair, slug: str) -> UUID:
    found: UUID = await pair.say(pair.primary, "SELECT id FROM organizations WHERE slug = $1", slug)
    return found
