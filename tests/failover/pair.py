"""Two PostgreSQL servers on this machine, one following the other, of which the first may be killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from helpdesk.database.embedded import EmbeddedPostgres

REPOSITORY = Path(__file__).parents[2]
_OPTIONS = ("max_connections=100", "shared_buffers=64MB", "wal_keep_size=256MB", "hot_standby_feedback=on")


@dataclass
class Pair:
    """A primary and its standby; they change places when the primary is killed.

    Attributes:
        home: the folder of both.
        primary, standby: the servers as they are now.
        synchronous: whether a commit waits until the standby has it.
    """

    home: Path
    primary: EmbeddedPostgres
    standby: EmbeddedPostgres
    synchronous: bool

    @property
    def url(self) -> str:
        """Return the URL of whichever of the two takes writes."""
        folders = ",".join(str(self.home / name / "sock") for name in ("a", "b"))
        return f"postgresql://atum@/atum?host={folders}&target_session_attrs=read-write"

    @property
    def replica_url(self) -> str:
        """Return the URL of whichever of the two is the standby."""
        return self.url.replace("read-write", "standby")

    async def follow(self) -> None:
        """Make the standby from the primary as it is, start it, and wait until it follows."""
        await asyncio.to_thread(_copy, self.primary, self.standby)
        await asyncio.to_thread(self.standby.start)
        await self.until_following()
        if self.synchronous:
            # Only now: until a standby is there, nothing could be committed.
            await self.say(self.primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
            await self.say(self.primary, "SELECT pg_reload_conf()")
            await self._until(self.primary, "SELECT bool_or(sync_state = 'sync') FROM pg_stat_replication")

    async def until_following(self) -> None:
        """Wait until the standby streams from the primary."""
        await self._until(self.primary, "SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming'")

    async def cut_off(self) -> None:
        """Let nothing more reach the standby, as a network in between that is down."""
        await self.say(self.standby, "ALTER SYSTEM SET primary_conninfo = ''")
        await self.say(self.standby, "SELECT pg_reload_conf()")
        await self._until(self.standby, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")

    async def kill_primary(self) -> None:
        """Kill the primary and every back end of it at once."""
        pid_file = self.primary.data / "postmaster.pid"
        postmaster = psutil.Process(int(pid_file.read_text().split()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(psutil.wait_procs, processes, 10)

    async def promote(self) -> None:
        """Make the standby the primary, as whoever watches over the servers does; return once it takes writes."""
        assert await self.say(self.standby, "SELECT pg_promote(true, 60)")
        self.primary, self.standby = self.standby, self.primary

    async def rejoin(self) -> None:
        """Bring the killed server back as the standby of the other, from a copy of it: what only it had is gone."""
        await asyncio.to_thread(shutil.rmtree, self.standby.data)
        await self.follow()

    async def say(self, server: EmbeddedPostgres, statement: str, *values: Any) -> Any:
        """Run a statement as a server's superuser and return its first value."""
        connection = await asyncpg.connect(
            host=str(server.socket_folder), user="postgres", database="atum", timeout=10, command_timeout=70
        )
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close(timeout=5)

    async def _until(self, server: EmbeddedPostgres, question: str) -> None:
        deadline = time.monotonic() + 30
        while not await self.say(server, question):
            assert time.monotonic() < deadline, question
            await asyncio.sleep(0.05)


@asynccontextmanager
async def open_pair(*, synchronous: bool) -> AsyncIterator[Pair]:
    """Make two servers with the product's schema, and take them away whatever happens."""
    home = Path(tempfile.mkdtemp(prefix="atum-pair-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    home.chmod(0o755)  # the servers run under another account where this one is root
    first, second = (EmbeddedPostgres(home / name, options=_OPTIONS) for name in ("a", "b"))
    try:
        url = await asyncio.to_thread(first.start)
        await asyncio.to_thread(_migrate, url)
        pair = Pair(home, first, second, synchronous)
        await pair.follow()
        yield pair
    finally:
        # Not awaited: also when this task is being cancelled. The follower first, as it would wait for its source.
        for server in (second, first):
            server.stop()
        shutil.rmtree(home, ignore_errors=True)


def _migrate(url: str) -> None:
    environment = os.environ | {"ATUM_DATABASE_URL": url}
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    subprocess.run(command, check=True, cwd=REPOSITORY, env=environment, capture_output=True)


def _copy(source: EmbeddedPostgres, target: EmbeddedPostgres) -> None:
    """Copy a running server's cluster into a folder from which another follows it."""
    owner = source.data.stat()
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    target.home.mkdir(exist_ok=True)
    os.chown(target.home, owner.st_uid, owner.st_gid)
    connection = f"host={source.socket_folder} user=postgres application_name={target.home.name}"
    command: list[str | Path] = [source.binaries() / "pg_basebackup", "-d", connection, "-D", target.data, "-R"]
    done = subprocess.run(
        [*command, "-X", "stream", "--checkpoint=fast"], check=False, capture_output=True, text=True, cwd="/", **account
    )
    assert done.returncode == 0, done.stderr
    # It was prepared with its source; and whether it waits for a standby of its own is for later.
    for prepared in source.home.glob("prepared-*"):
        (target.home / prepared.name).touch()
    settings = target.data / "postgresql.auto.conf"
    kept = [line for line in settings.read_text().splitlines() if "synchronous_standby_names" not in line]
    settings.write_text("\n".join(kept) + "\n")
