"""The real embedding model, served by the product's own sidecar on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
_START_S = 60.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/version", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def embedding_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the embedded model for the session; the value is its address, for `Settings(ollama_host=...)`."""
    port, data = _free_port(), tmp_path_factory.mktemp("models")
    log = (data / "server.log").open("wb")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "api.models_server",
            "--text-model", "none", "--port", str(port), "--data", str(data),
        ],
        cwd=REPOSITORY, env=dict(os.environ), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + _START_S
        while not _answers(url):
            assert process.poll() is None, (data / "server.log").read_text()
            assert time.monotonic() < deadline, (data / "server.log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()
