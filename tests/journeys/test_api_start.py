"""Starting and stopping the API as a process."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import httpx

from helpdesk.database.embedded import EmbeddedPostgres
from tests.conftest import Server, _run_in_thread
from tests.journeys.conftest import Account
from tests.journeys.processes import start


async def test_a_busy_port_is_told_in_one_sentence(process_environment: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = start("api", "--port", str(port), log_file=tmp_path / "log", environment=process_environment)
        code = await asyncio.to_thread(running.process.wait, 60)

    assert code == 1
    lines = running.log().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"The API cannot listen on 127.0.0.1:{port}")
    assert "--port" in lines[0]


async def test_a_database_that_is_away_is_told_in_one_sentence(
    process_environment: dict[str, str], tmp_path: Path
) -> None:
    away = process_environment | {"ATUM_DATABASE_URL": "postgresql://atum@127.0.0.1:9/atum"}

    running = start("api", "--port", "0", log_file=tmp_path / "log", environment=away)
    code = await asyncio.to_thread(running.process.wait, 60)

    assert code == 1
    assert len(running.log().splitlines()) == 1
    assert "PostgreSQL does not answer" in running.log()


async def test_a_database_without_tables_is_told_in_one_sentence(
    server: Server, process_environment: dict[str, str], tmp_path: Path
) -> None:
    postgres: EmbeddedPostgres = server.postgres
    _run_in_thread(postgres, "CREATE DATABASE without_tables")
    empty = process_environment | {"ATUM_DATABASE_URL": postgres.url("without_tables")}

    running = start("api", "--port", "0", log_file=tmp_path / "log", environment=empty)
    code = await asyncio.to_thread(running.process.wait, 60)

    assert code == 1
    assert len(running.log().splitlines()) == 1
    assert "atum-desk migrate" in running.log()


async def test_a_stop_ends_open_streams_and_is_a_success(
    process_environment: dict[str, str], tmp_path: Path, account: Account
) -> None:
    running = start("api", "--port", "0", log_file=tmp_path / "log", environment=process_environment)
    port = (await running.wait_for_log(r"event=api_started .*?port=(\d+)"))[1]
    await running.wait_for_log(r"event=connected_to_database")
    headers = {"Authorization": f"Bearer {account.token}"}
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as client,
        client.stream("GET", "/api/v1/events") as stream,
    ):
        assert stream.status_code == 200
        told = time.monotonic()
        code = await running.stop()

    assert code == 0
    assert time.monotonic() - told < 10
    assert "event=database_connection_closed" in running.log()
    assert "Traceback" not in running.log()
