"""An installation of its own to watch: PostgreSQL, embedded vectors, the API and the three workers."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from helpdesk.database.embedded import EmbeddedPostgres
from helpdesk.database.engine import Database
from helpdesk.demo.loader import load_demo
from helpdesk.settings import Settings

REPOSITORY = Path(__file__).parents[2]
PASSWORD = "only for the soak"
_START_WITHIN_S = 120.0
_STOP_WITHIN_S = 60.0
_MODULES = {"job": ("workers", "job"), "rag": ("workers", "rag"), "sla": ("workers", "sla")}


@dataclass
class Ground:
    """What is watched.

    Attributes:
        processes: by name; `api`, `job`, `rag`, `sla` and `models`.
        email: of the demo's administrator, whose password is PASSWORD.
    """

    home: Path
    settings: Settings
    email: str = ""
    url: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def log(self, name: str) -> str:
        """Return what a process has said."""
        return (self.home / f"{name}.log").read_text(errors="replace")

    def start(self, name: str, *module: str, **environment: str) -> None:
        """Start a process of the product with nothing of the caller's settings."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("ATUM_", "OLLAMA_"))}
        ours = {
            "ATUM_DATABASE_URL": self.settings.database_url,
            "ATUM_DATA_DIR": str(self.home / "data"),
            "ATUM_OLLAMA_HOST": self.settings.ollama_host,
            "ATUM_LOG_FORMAT": "logfmt",
        }
        with (self.home / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=REPOSITORY,
                env=clean | ours | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def until_said(self, name: str, pattern: str) -> re.Match[str]:
        """Wait for a line of a process; raise with its log when it ends or says nothing."""
        deadline = time.monotonic() + _START_WITHIN_S
        while time.monotonic() < deadline and self.processes[name].poll() is None:
            if found := re.search(pattern, self.log(name)):
                return found
            time.sleep(0.05)
        raise RuntimeError(f"{name} did not start:\n{self.log(name)[-3000:]}")

    def stop(self) -> None:
        """Ask every process to stop, and kill what does not."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@asynccontextmanager
async def open_ground() -> AsyncIterator[Ground]:
    """Bring everything up with the demo organisation in it; all is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="atum-soak-"))
    # PostgreSQL runs as another account where this one is root.
    home.chmod(0o755)
    postgres = EmbeddedPostgres(home / "postgres")
    ground: Ground | None = None
    try:
        postgres.start()
        ground = Ground(home, Settings(database_url=postgres.url(), data_dir=home / "data"))
        _migrate(postgres.url())
        ground.email = await _load(ground.settings)
        _start_all(ground)
        yield ground
    finally:
        if ground is not None:
            ground.stop()
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


def _start_all(ground: Ground) -> None:
    # Vectors are made for real; a text model's part would only measure that model.
    data = str(ground.home / "models")
    ground.start("models", "api.models_server", "--port", "0", "--data", data, "--text-model", "none")
    port = ground.until_said("models", r"event=models_server_started .*?port=(\d+)")[1]
    ground.settings = ground.settings.model_copy(update={"ollama_host": f"http://127.0.0.1:{port}"})
    ground.start("api", "api", "--port", "0")
    for name, module in _MODULES.items():
        ground.start(name, *module)
    port = ground.until_said("api", r"event=api_started .*?port=(\d+)")[1]
    ground.url = f"http://127.0.0.1:{port}"
    for name in _MODULES:
        ground.until_said(name, rf"event={name}_worker_started")


def _migrate(url: str) -> None:
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    environment = os.environ | {"ATUM_DATABASE_URL": url}
    subprocess.run(command, check=True, cwd=REPOSITORY, env=environment, capture_output=True)


async def _load(settings: Settings) -> str:
    database = Database(settings, application="soak")
    try:
        demo = await load_demo(database, password=PASSWORD, now=datetime.now(UTC))
    finally:
        await database.close()
    return demo.email


async def connect(ground: Ground) -> asyncpg.Connection:
    """Open a connection that sees everybody's activity."""
    folder = ground.home / "postgres" / "sock"
    name = urlsplit(ground.settings.database_url).path.lstrip("/")
    return await asyncpg.connect(host=str(folder), user="postgres", database=name, server_settings={"jit": "off"})
