"""A PostgreSQL of the suite's own, durable, which may be killed; and the folder for everything else."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil

from helpdesk.database.base import new_id
from helpdesk.database.embedded import EmbeddedPostgres
from helpdesk.database.engine import Database, connect_raw
from helpdesk.models.accounts import Organization
from helpdesk.queue.link import CONNECTION_ERRORS
from helpdesk.queue.schedule import SCHEDULE
from helpdesk.settings import Settings
from tests import warm

REPOSITORY = Path(__file__).parents[2]

_EFFECTS = """
CREATE TABLE chaos_effects (id bigint GENERATED ALWAYS AS IDENTITY, job uuid NOT NULL, lease bigint NOT NULL,
                            worker uuid NOT NULL);
GRANT SELECT, INSERT ON chaos_effects TO atum_app, atum_worker
"""
# The suite's own eyes stay open in a storm.
_WATCHER = "atum-desk-chaos-watch"


@dataclass
class Ground:
    """Where chaos happens.

    Attributes:
        home: folder for the database, marks, logs and clocks.
        organizations: tenants to work for.
    """

    home: Path
    postgres: EmbeddedPostgres
    settings: Settings
    organizations: list[UUID]

    @property
    def marks(self) -> Path:
        """Return the folder the handlers' marks are in."""
        return self.home / "marks"

    @property
    def schedule(self) -> Path:
        """Return the schedule's file."""
        return self.home / "schedule.toml"

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Run one statement as the superuser, waiting up to a minute for PostgreSQL to come back."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return await self._fetch(query, *args)
            except CONNECTION_ERRORS:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def look(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Run one statement as the superuser; no rows while PostgreSQL is away."""
        try:
            return await self._fetch(query, *args)
        except CONNECTION_ERRORS:
            return []

    async def _fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(
            host=str(self.postgres.socket_folder),
            user="postgres",
            database="atum",
            timeout=10,
            command_timeout=120,
            server_settings={"application_name": _WATCHER},
        )
        try:
            return list(await connection.fetch(query, *args))
        finally:
            with suppress(*CONNECTION_ERRORS):
                await connection.close(timeout=5)

    async def kill_postgres(self) -> None:
        """Kill the server and every back end at once: what is not on disk is gone."""
        pid_file = self.postgres.data / "postmaster.pid"
        postmaster = psutil.Process(int(pid_file.read_text().split()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(psutil.wait_procs, processes, 10)

    async def stop_postgres(self) -> None:
        """Stop the server as an operator does."""
        await asyncio.to_thread(self.postgres.stop)

    async def start_postgres(self) -> None:
        """Start the server; return when it answers."""
        await asyncio.to_thread(self.postgres.start)


@asynccontextmanager
async def open_ground(*, tenants: int = 3) -> AsyncIterator[Ground]:
    """Make the ground, and take it away whatever happens."""
    home = Path(tempfile.mkdtemp(prefix="atum-chaos-"))
    home.chmod(0o755)  # the server runs under another account where this one is root
    postgres = EmbeddedPostgres(home / "pg", options=("max_connections=200", "shared_buffers=256MB"))
    try:
        url = await asyncio.to_thread(postgres.start)
        settings = Settings(database_url=url, data_dir=home / "data")
        await asyncio.to_thread(_migrate, url)
        (home / "marks").mkdir()
        ground = Ground(home, postgres, settings, [])
        # The product's own schedule is not what is tried here.
        ground.schedule.write_text("".join(f"[{entry.name}]\nenabled = false\n" for entry in SCHEDULE))
        await _lay_out(ground, tenants)
        yield ground
    finally:
        # Not awaited: also when this task is being cancelled.
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)


def _migrate(url: str) -> None:
    environment = os.environ | {"ATUM_DATABASE_URL": url}
    warm.run("alembic", "upgrade", "head", environment=environment).check_returncode()


async def _lay_out(ground: Ground, tenants: int) -> None:
    owner = await connect_raw(ground.settings, application="chaos", role="atum_owner")
    await owner.execute(_EFFECTS)
    await owner.close()
    database = Database(ground.settings, application="chaos")
    for _ in range(tenants):
        ground.organizations.append(await open_organization(database))
    await database.close()


async def open_organization(database: Database) -> UUID:
    """Return the id of a new organisation."""
    identifier = new_id()
    async with database.transaction(identifier) as session:
        session.add(Organization(id=identifier, slug=f"chaos-{identifier.hex[-8:]}", name="Chaos"))
    return identifier
