"""A real PostgreSQL for every test that touches data: one server a session, one migrated database a test."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from helpdesk.database.base import new_id
from helpdesk.database.embedded import EmbeddedPostgres
from helpdesk.database.engine import Database
from helpdesk.settings import Settings

REPOSITORY = Path(__file__).parent.parent


@dataclass(frozen=True)
class Server:
    """The test server and the migrated database that others are copied from."""

    postgres: EmbeddedPostgres
    template: str


def _sql(server_url_database: EmbeddedPostgres, statement: str) -> None:
    async def run() -> None:
        # An autovacuum worker may be in a database that is to go, and only the superuser may end that.
        user = "postgres" if statement.startswith("DROP DATABASE") else "atum"
        connection = await asyncpg.connect(host=str(server_url_database.socket_folder), user=user, database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def _folder_others_can_enter() -> Path:
    """PostgreSQL drops root's rights, so its folder must be reachable for another account."""
    home = Path(tempfile.mkdtemp(prefix="atum-test-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    home.chmod(0o755)
    return home


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Start a server without crash safety and migrate the template once."""
    home = _folder_others_can_enter()
    postgres = EmbeddedPostgres(home, durable=False, options=("max_connections=200",))
    postgres.start()
    template = "atum_template"
    _sql(postgres, f"CREATE DATABASE {template}")
    environment = os.environ | {"ATUM_DATABASE_URL": postgres.url(template)}
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        check=True,
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
    )
    yield Server(postgres, template)
    postgres.stop()
    subprocess.run(["rm", "-rf", str(home)], check=False)


@pytest.fixture
def database_url(server: Server) -> Iterator[str]:
    """Give a test a migrated database of its own."""
    name = f"test_{uuid4().hex[:12]}"
    _run_in_thread(server.postgres, f"CREATE DATABASE {name} TEMPLATE {server.template} STRATEGY file_copy")
    yield server.postgres.url(name)
    _run_in_thread(server.postgres, f"DROP DATABASE {name} WITH (FORCE)")


def _run_in_thread(postgres: EmbeddedPostgres, statement: str) -> None:
    """Run a statement although an event loop may already run in this thread."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(_sql, postgres, statement).result()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Return settings that point at the test's own database."""
    return Settings(database_url=database_url, data_dir=tmp_path)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """Return a pool on the test's own database."""
    database = Database(settings, application="test")
    yield database
    await database.close()


@pytest.fixture
async def organization_id(database: Database) -> UUID:
    """Return the id of an empty organisation."""
    from helpdesk.models.accounts import Organization

    identifier = new_id()
    async with database.transaction(identifier) as session:
        session.add(Organization(id=identifier, slug=f"org-{identifier.hex[-8:]}", name="Test organisation"))
    return identifier
