"""The installation that is looked at: its settings, its clock, and a way into its database that changes nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import asyncpg
from sqlalchemy.engine import make_url

from helpdesk.database.engine import connect_arguments
from helpdesk.database.servers import Servers
from helpdesk.database.tenancy import Role
from helpdesk.errors import Unavailable
from helpdesk.redaction import redacted
from helpdesk.settings import Settings

Result = TypeVar("Result")

# Whoever looks must not become what is wrong: no statement runs for longer, none waits for a lock.
_BOUNDS = "SET LOCAL statement_timeout = '4s'; SET LOCAL lock_timeout = '1s'"
_CONNECT_S = 4.0


class DatabaseAway(Unavailable):
    """The database cannot be looked at."""

    def __init__(self, says: str, remedy: str) -> None:
        super().__init__(says)
        self.remedy = remedy


@dataclass(frozen=True)
class Bounds:
    """From where on a figure is worth a warning, or is an error.

    Attributes:
        disk_low, disk_full: bytes that are free, at the most.
        slow_ms: how long the database takes to answer, in milliseconds.
        late_s, far_too_late_s: how long work that is due has waited, in seconds.
        clock_off_s, clock_wrong_s: how far the clocks of this host and the database differ, in seconds.
        backup_old_s, backup_too_old_s: age of the newest backup, in seconds.
        dead_rows: dead rows of the queue's table, where they are also more than the living ones.
        slot_lag: bytes of WAL that a replication slot keeps.
        connections_left: share of PostgreSQL's connections that should be left.
    """

    disk_low: int = 5 * 2**30
    disk_full: int = 2**29
    slow_ms: float = 50
    late_s: float = 600
    far_too_late_s: float = 3600
    clock_off_s: float = 1
    clock_wrong_s: float = 30
    backup_old_s: float = 26 * 3600
    backup_too_old_s: float = 3 * 86_400
    dead_rows: int = 100_000
    slot_lag: int = 5 * 2**30
    connections_left: float = 0.1


@dataclass
class Patient:
    """What checks look at.

    Attributes:
        root: the folder of the lock file and the units, that of a checkout or of an installed tree.
        configuration: where an installed product has its settings and credentials.
        booted: a folder that is there where systemd runs the host.
        clock: the host's clock.
        wrong_settings: what is wrong with which setting, where the defaults stand in.
    """

    settings: Settings
    root: Path
    configuration: Path = Path("/etc/atum-desk")
    booted: Path = Path("/run/systemd/system")
    bounds: Bounds = field(default_factory=Bounds)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    wrong_settings: dict[str, str] = field(default_factory=dict)
    _away: DatabaseAway | None = None
    _connection: asyncpg.Connection | None = None

    @property
    def place(self) -> str:
        """Return where the database is, without its password."""
        try:
            url = make_url(self.settings.sqlalchemy_url)
        except ValueError:
            return "the address of ATUM_DATABASE_URL"
        hosts = url.query.get("host") or url.host or "localhost"
        host = hosts if isinstance(hosts, str) else ",".join(hosts)
        return f"{host}{f':{url.port}' if url.port else ''}/{url.database or ''}"

    async def connect(self) -> asyncpg.Connection:
        """Return the connection that checks share, opened if need be; one that was refused is not tried again.

        Raises:
            DatabaseAway: with the remedy.
        """
        if self._away is not None:
            raise self._away
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await open_connection(self.settings)
            except Exception as failure:
                self._away = _told(failure, self.place)
                raise self._away from failure
        return self._connection

    @asynccontextmanager
    async def reading(self, role: Role | None = "atum_owner") -> AsyncIterator[asyncpg.Connection]:
        """Give the connection in a transaction that only reads, as a role or (None) as the login itself.

        Raises:
            DatabaseAway: there is none.
        """
        connection = await self.connect()
        async with connection.transaction(readonly=True):
            await connection.execute(_BOUNDS)
            if role is not None:
                await connection.execute(f"SET LOCAL ROLE {role}")
            yield connection

    async def leave(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.terminate()


async def open_connection(settings: Settings) -> asyncpg.Connection:
    """Open one connection as the login itself, without a second try."""
    arguments = connect_arguments(settings, application="doctor") | {"timeout": _CONNECT_S}
    return await Servers.of(settings.sqlalchemy_url).connect(**arguments)


def _told(failure: Exception, place: str) -> DatabaseAway:
    match failure:
        case asyncpg.InvalidCatalogNameError():
            says, remedy = f"There is no such database at {place}.", "Create it, then run `atum-desk migrate`."
        case asyncpg.InvalidAuthorizationSpecificationError():
            says = f"PostgreSQL at {place} refuses the login: {failure}."
            remedy = "Look at the user and the password in ATUM_DATABASE_URL, and at the server's pg_hba.conf."
        case asyncpg.TooManyConnectionsError():
            says = f"PostgreSQL at {place} has no connection left: {failure}."
            remedy = "Raise max_connections, run fewer processes, or put a pooler in between (ATUM_DATABASE_PGBOUNCER)."
        case OSError() | TimeoutError() | asyncpg.PostgresError() | asyncpg.InterfaceError():
            says = f"PostgreSQL at {place} does not answer: {redacted(str(failure)) or type(failure).__name__}."
            remedy = "Start it, or name another one in ATUM_DATABASE_URL."
        case _:
            says = f"ATUM_DATABASE_URL cannot be used: {type(failure).__name__}."
            remedy = "It is like postgresql://user@host:5432/database."
    return DatabaseAway(says, remedy)


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run what may block in a thread that nobody waits for when it hangs, as on a file system that is gone."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        if not done.done():
            act()

    def run() -> None:
        act: Callable[[], None]
        try:
            result = work()
        except BaseException as failure:  # whatever it is, the caller is to have it
            act = partial(done.set_exception, failure)
        else:
            act = partial(done.set_result, result)
        # The caller may have given up, and the loop be closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, act)

    threading.Thread(target=run, daemon=True, name="doctor").start()
    return await done
