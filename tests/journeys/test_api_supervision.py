"""The API under a service manager that keeps its socket."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx

from tests.journeys.processes import REPOSITORY, start
from tests.manager_socket import ManagerSocket

# Which process the descriptors are meant for is only known once it is there.
_HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "api"])
"""


@contextmanager
def _api(
    listener: socket.socket, manager: ManagerSocket, environment: dict[str, str], log_file: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the API as systemd does: with the socket as descriptor 3."""
    manager_says = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "http", "WATCHDOG_USEC": "1000000", **manager.environment}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ATUM_", "OLLAMA_"))}
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", _HAND_OVER, str(listener.fileno())],
            cwd=REPOSITORY,
            env=clean | environment | manager_says | {"ATUM_LOG_FORMAT": "logfmt", "ATUM_API_PORT": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()],
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class _Visitors:
    """Ask without a pause: one on a connection that stays, one on a new connection each time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._gone = asyncio.Event()
        self.answers: list[int] = []

    async def __aenter__(self) -> Self:
        self._asking = [asyncio.create_task(self._ask_again_and_again(keep=keep)) for keep in (True, False)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._asking:
            task.cancel()
        await asyncio.wait(self._asking)

    async def _ask_again_and_again(self, *, keep: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if keep else 0)
        async with httpx.AsyncClient(base_url=self._url, limits=limits, timeout=60, trust_env=False) as client:
            while not self._gone.is_set():
                self.answers.append((await client.get("/api/v1/ready")).status_code)
                await asyncio.sleep(0.01)

    async def ask(self, times: int) -> None:
        """Wait until so many more requests are answered; raise what became of one that was not."""
        enough = len(self.answers) + times
        while len(self.answers) < enough:
            for task in self._asking:
                if task.done():
                    task.result()
            await asyncio.sleep(0.01)

    async def leave(self) -> None:
        """Ask no more, once the last answers are there."""
        self._gone.set()
        await asyncio.gather(*self._asking)


async def _half_a_request(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: 12\r\n\r\n{")
    await writer.drain()
    return reader, writer


async def test_a_restart_refuses_no_request_and_answers_those_in_flight(
    process_environment: dict[str, str], tmp_path: Path
) -> None:
    log_file = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as listener, ManagerSocket(tmp_path / "notify") as manager:
        port = listener.getsockname()[1]
        async with _Visitors(f"http://127.0.0.1:{port}") as visitors:
            # They come before anybody serves.
            with _api(listener, manager, process_environment, log_file) as first:
                await manager.listen_for("READY=1", of=first)
                await manager.listen_for("WATCHDOG=1", of=first, times=2)
                reader, writer = await _half_a_request(port)
                await visitors.ask(20)
                first.send_signal(signal.SIGTERM)
                await manager.listen_for("STOPPING=1", of=first)
                writer.write(b'"seen": 12}\n')
                head = await reader.readline()
                writer.close()
                assert await asyncio.to_thread(first.wait, 30) == 0
            manager.forget()
            with _api(listener, manager, process_environment, log_file) as second:
                await manager.listen_for("READY=1", of=second)
                await visitors.ask(20)
                await visitors.leave()
                second.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(second.wait, 30) == 0

    assert head.split()[1] == b"422"
    assert set(visitors.answers) == {200}
    assert "Traceback" not in log_file.read_text()


async def test_an_api_whose_database_is_away_waits_for_it(process_environment: dict[str, str], tmp_path: Path) -> None:
    away = {"ATUM_DATABASE_URL": "postgresql://atum@127.0.0.1:9/atum"}
    with ManagerSocket(tmp_path / "notify") as manager:
        environment = process_environment | away | manager.environment
        running = start("api", "--port", "0", log_file=tmp_path / "log", environment=environment)
        try:
            await manager.listen_for("STATUS=waiting for PostgreSQL", of=running.process, times=2)
        finally:
            running.process.kill()
            running.process.wait()

    assert not any(each.startswith("READY") for each in manager.heard)
