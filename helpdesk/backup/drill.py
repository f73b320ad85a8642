"""A rehearsal of the way back: restore a backup beside the database in use, look at it, and drop it again."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import make_url

from helpdesk.backup.archive import count_packed
from helpdesk.backup.manifest import FILES, Backup
from helpdesk.backup.restore import restore_backup
from helpdesk.backup.source import direct
from helpdesk.database.engine import connect_raw
from helpdesk.database.schema_version import SchemaState, state
from helpdesk.errors import Invalid
from helpdesk.settings import Settings

_PREFIX = "atum_drill_"


class CannotDrill(Invalid):
    """The database login may not create the database to restore into."""


@dataclass(frozen=True)
class Drilled:
    """What came back.

    Attributes:
        schema: of the database as it was restored, beside that of this version.
        took_s: how long the restore took; about how long it would take in earnest.
    """

    backup: Backup
    schema: SchemaState
    files: int
    took_s: float


async def drill(path: Path, *, settings: Settings) -> Drilled:
    """Restore a backup into a new database of the same server, its files into a folder; both are gone afterwards.

    Everything is checked that `restore_backup` checks: checksums, rows, and that organisations stay apart.

    Raises:
        CannotDrill: the login may not create databases.
        BackupDamaged and whatever else `restore_backup` raises.
    """
    clock = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="atum-drill-") as folder:
        async with _scratch(direct(settings)) as scratch:
            began = clock.time()
            backup = await restore_backup(path, settings=scratch, files_to=Path(folder) / "files")
            took_s = clock.time() - began
            connection = await connect_raw(scratch, application="drill", role="atum_app")
            try:
                schema = await state(connection)
            finally:
                await connection.close()
        files = await asyncio.to_thread(count_packed, backup.path / FILES)
    return Drilled(backup=backup, schema=schema, files=files, took_s=took_s)


@asynccontextmanager
async def _scratch(settings: Settings) -> AsyncIterator[Settings]:
    """Give a new and empty database, and drop it whatever happens."""
    name = f"{_PREFIX}{uuid4().hex[:8]}"
    await _run(settings, f"CREATE DATABASE {name}")
    url = make_url(settings.sqlalchemy_url).set(database=name).render_as_string(hide_password=False)
    try:
        yield settings.model_copy(update={"database_url": url, "database_listen_url": None})
    finally:
        await _run(settings, f"DROP DATABASE {name} WITH (FORCE)")


async def _run(settings: Settings, statement: str) -> None:
    connection = await connect_raw(settings, application="drill", role=None)
    try:
        await connection.execute(statement, timeout=600)
    except asyncpg.InsufficientPrivilegeError as error:
        raise CannotDrill(
            f"The database login may not create a database ({error}). Let an administrator run "
            f"ALTER ROLE {make_url(settings.sqlalchemy_url).username or 'atum'} CREATEDB, or rehearse with "
            "`atum-desk restore` and an empty database."
        ) from error
    finally:
        await connection.close()
