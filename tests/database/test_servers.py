"""Several servers in one URL: the one that answers is found, and found again when it is another."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from helpdesk.database import servers
from helpdesk.database.engine import Database, connect_raw
from helpdesk.database.servers import NoSuitableServer, Servers
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY, Server
from tests.proxy import Proxy, proxy

NOBODY = 9


@pytest.fixture
async def ways(server: Server) -> AsyncIterator[tuple[Proxy, Proxy]]:
    """Give two ways to the test's server."""
    async with proxy(server.postgres.socket_folder) as first, proxy(server.postgres.socket_folder) as second:
        yield first, second


def through(url: str, *ports: int) -> Settings:
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return Settings(database_url=f"postgresql://atum@{hosts}/{make_url(url).database}")


def port_of(connection: asyncpg.Connection) -> int:
    return int(connection._transport.get_extra_info("peername")[1])


async def test_a_server_that_is_not_there_is_passed_by(database_url: str, ways: tuple[Proxy, Proxy]) -> None:
    settings = through(database_url, NOBODY, ways[1].port)
    database, link = Database(settings, application="test"), Link(settings, application="test")

    await database.ping()
    raw = await connect_raw(settings, application="test", role=None)

    assert [dict(row) for row in await link.fetch("SELECT 1 AS one")] == [{"one": 1}]
    assert port_of(raw) == ways[1].port
    for opened in (database, link, raw):
        await opened.close()


async def test_a_host_that_says_nothing_costs_its_patience_once(
    database_url: str, ways: tuple[Proxy, Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "_PATIENCE_OF_EACH_S", 0.5)
    settings = through(database_url, ways[0].port, ways[1].port)
    before = await connect_raw(settings, application="test", role=None)
    assert port_of(before) == ways[0].port
    ways[0].cut()

    found = [await connect_raw(settings, application="test", role=None) for _ in range(2)]

    assert [port_of(connection) for connection in found] == [ways[1].port] * 2
    for connection in found:
        await connection.close()
    before.terminate()


async def test_where_none_is_of_the_wanted_kind_the_error_says_so(database_url: str, ways: tuple[Proxy, Proxy]) -> None:
    url = through(database_url, ways[0].port, ways[1].port).sqlalchemy_url.replace("read-write", "standby")

    with pytest.raises(NoSuitableServer, match=f"127.0.0.1:{ways[1].port} is there, but it is not standby"):
        await Servers.of(url).connect()
    preferring = await Servers.of(url.replace("standby", "prefer-standby")).connect()
    await preferring.close()


async def test_silence_on_a_network_is_noticed_by_the_system(database_url: str, ways: tuple[Proxy, Proxy]) -> None:
    connection = await Servers.of(through(database_url, ways[0].port).sqlalchemy_url).connect()
    held = connection._transport.get_extra_info("socket")

    assert held.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert held.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    silent_for = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) + 3 * held.getsockopt(
        socket.IPPROTO_TCP, socket.TCP_KEEPINTVL
    )
    assert silent_for <= 10
    await connection.close()


async def test_a_login_that_is_refused_is_not_tried_elsewhere(database_url: str, ways: tuple[Proxy, Proxy]) -> None:
    url = through(database_url, ways[0].port, ways[1].port).database_url.replace("atum@", "nobody@")

    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await Servers.of(Settings(database_url=url).sqlalchemy_url).connect()


async def test_migrations_and_the_command_line_take_several_servers(
    database_url: str, ways: tuple[Proxy, Proxy]
) -> None:
    settings = through(database_url, NOBODY, ways[0].port)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "helpdesk.cli", "migrate"),
        cwd=REPOSITORY,
        env=os.environ | {"ATUM_DATABASE_URL": settings.database_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()
