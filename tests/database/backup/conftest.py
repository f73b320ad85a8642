from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from helpdesk.backup.create import create_backup
from helpdesk.backup.manifest import Backup, backup_folder
from helpdesk.database.engine import connect_raw
from helpdesk.settings import Settings
from tests.conftest import Server, _run_in_thread
from tests.database.backup.filling import fill_every_table

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


async def quiet(_percent: float, _done: str) -> None:
    pass


async def back_up(settings: Settings, *, keep: int | None = None, now: datetime = NOW) -> Backup:
    return await create_backup(settings, folder=backup_folder(settings), keep=keep, now=now, progress=quiet)


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect_raw(settings, application="test", role="atum_owner")
    yield connection
    await connection.close()


@pytest.fixture
async def filled(owner: asyncpg.Connection) -> asyncpg.Connection:
    """Return the owner's connection to a database with rows in every table."""
    assert await fill_every_table(owner) == []
    return owner


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    """Give a database with nothing in it."""
    name = f"empty_{uuid4().hex[:12]}"
    _run_in_thread(server.postgres, f"CREATE DATABASE {name}")
    yield server.postgres.url(name)
    _run_in_thread(server.postgres, f"DROP DATABASE {name} WITH (FORCE)")
