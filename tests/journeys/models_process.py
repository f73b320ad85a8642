"""The embedded models server as a process of its own, on a free port of loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import ollama

from tests import warm

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class ModelsServer:
    """A running server and a client for it."""

    url: str
    process: subprocess.Popen[bytes]
    client: ollama.Client
    log_file: Path

    def log(self) -> str:
        return self.log_file.read_text()


def run_models_server(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a server that is expected to refuse, and return what it said."""
    return warm.run("api.models_server", *options, environment=_environment(environment), timeout=30)


@contextmanager
def models_server(data: Path, *options: str, **environment: str) -> Iterator[ModelsServer]:
    """Run a server with the model files in `data` until the block ends."""
    data.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log_file = data / "server.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.models_server", "--port", str(port), "--data", str(data), *options],
            cwd=REPOSITORY,
            env=_environment(environment),
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    client = ollama.Client(url, timeout=60)
    server = ModelsServer(url, process, client, log_file)
    try:
        _wait_until_it_answers(server)
        yield server
    finally:
        client.close()
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(changes: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATUM_")}
    return kept | changes


def _wait_until_it_answers(server: ModelsServer) -> None:
    deadline = time.monotonic() + 20
    while not _answers(server.url):
        assert server.process.poll() is None, server.log()
        assert time.monotonic() < deadline, f"the models server did not start: {server.log()}"
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
