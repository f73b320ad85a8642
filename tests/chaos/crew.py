"""Worker processes under a supervisor: what dies is written down and started again."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import warm
from tests.chaos.ground import Ground
from tests.chaos.marks import FOLDER

_LOOK_S = 0.05
_START_WITHIN_S = 60.0
_STOP_WITHIN_S = 60.0
_SERVING = "SELECT pid FROM workers WHERE kind = 'job'"
_OTHERS_SETTINGS = ("ATUM_", "OLLAMA_", "WORKER_", "MAX_CONCURRENT_JOBS", "POLL_INTERVAL", "DATABASE_URL")


@dataclass
class Member:
    """One place in the crew, and the process that fills it at present."""

    number: int
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]
    log_file: Path
    started: float
    stopping: bool = False
    killed: bool = False

    @property
    def alive(self) -> bool:
        """Return whether its process runs."""
        return self.process.poll() is None

    def log(self) -> str:
        """Return what the process has said."""
        return self.log_file.read_text(errors="replace")


@dataclass(frozen=True)
class Death:
    """A process that ended without being asked to.

    Attributes:
        wall: when the supervisor saw it (seconds since 1970).
        at: the same by the clock of the marks.
        code: as of `Popen.returncode`.
    """

    pid: int
    code: int
    wall: float
    at: float


@dataclass
class Crew:
    """Workers that run the chaos jobs.

    Attributes:
        deaths: processes that died.
        stops: exit codes of those that were asked to stop.
    """

    ground: Ground
    environment: dict[str, str]
    arguments: tuple[str, ...]
    members: list[Member] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    logs: list[Path] = field(default_factory=list)

    def start(self, **environment: str) -> Member:
        """Add a member; more settings may be given for this one."""
        member = self._start(len(self.members), environment)
        self.members.append(member)
        return member

    def any(self) -> Member:
        """Return some member whose process runs."""
        return random.choice(
            [member for member in self.members if member.alive and not member.stopping] or self.members
        )

    def pids(self) -> dict[int, Member]:
        """Return the members by process."""
        return {member.process.pid: member for member in self.members}

    def said(self, pattern: str) -> int:
        """Return how many lines of all logs match."""
        found = re.compile(pattern)
        return sum(len(found.findall(path.read_text(errors="replace"))) for path in self.logs)

    async def supervise(self) -> None:
        """Start again whatever dies, as the supervisor of a service does."""
        while True:
            for member in self.members:
                if not member.stopping and not member.alive:
                    self._bury(member)
                    self.members[member.number] = self._start(member.number, member.environment)
            await asyncio.sleep(_LOOK_S)

    async def until_started(self) -> None:
        """Wait until every member serves; raise with its log when one does not."""
        deadline = time.monotonic() + _START_WITHIN_S
        while silent := self.pids().keys() - await self._serving():
            if time.monotonic() > deadline or len(self.deaths) > 3 * len(self.members):
                said = "\n".join(self.pids()[pid].log()[-3000:] for pid in silent if pid in self.pids())
                raise RuntimeError(f"workers do not start:\n{said}")
            await asyncio.sleep(_LOOK_S)

    async def ask_to_stop(self, member: Member) -> int:
        """Send SIGTERM and return the exit code, -9 where it had to be killed.

        The code is noted unless the process had not come so far as to serve: until then a signal ends any program.
        """
        member.stopping = True
        serves = member.process.pid in await self._serving()
        if member.alive:
            member.process.send_signal(signal.SIGTERM)
            member.process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + _STOP_WITHIN_S
        while member.alive and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        if member.alive:
            member.process.kill()
            member.process.wait()
        if member.killed:
            self._bury(member)
        elif serves or member.process.returncode != -signal.SIGTERM:
            self.stops.append(member.process.returncode)
        return member.process.returncode

    def kill(self, member: Member) -> None:
        """Send SIGKILL; it may strike in the middle of a stop."""
        member.killed = True
        member.process.kill()

    async def replace(self, member: Member) -> int:
        """Stop a member and start another in its place; return the exit code."""
        code = await self.ask_to_stop(member)
        self.members[member.number] = self._start(member.number, member.environment)
        return code

    def kill_all(self) -> None:
        """Leave no process behind."""
        for member in self.members:
            if member.alive:
                member.process.kill()
            member.process.wait()

    async def _serving(self) -> set[int]:
        return {row["pid"] for row in await self.ground.look(_SERVING)}

    def _bury(self, member: Member) -> None:
        self.deaths.append(Death(member.process.pid, member.process.returncode, time.time(), time.monotonic()))

    def _start(self, number: int, environment: Mapping[str, str]) -> Member:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS_SETTINGS)}
        log_file = self.ground.home / f"worker-{time.monotonic_ns()}.log"
        self.logs.append(log_file)
        with log_file.open("wb") as log:
            process = warm.start(
                "workers",
                "job",
                *self.arguments,
                environment={**clean, **self.environment, **environment},
                output=log,
                errors=log,
                # A Ctrl-C in the terminal is the suite's alone to handle.
                new_session=True,
            )
        return Member(number, environment, process, log_file, time.time())


@asynccontextmanager
async def hire(
    ground: Ground, *, count: int, lease_s: float, beat_s: float, concurrency: int = 10, **settings: str
) -> AsyncIterator[Crew]:
    """Run a crew under supervision; all stop at the end, by SIGTERM if they can, and by SIGKILL if not."""
    environment = {
        "ATUM_DATABASE_URL": ground.settings.database_url,
        "ATUM_DATA_DIR": str(ground.home / "data"),
        # Nothing listens here.
        "ATUM_OLLAMA_HOST": "http://127.0.0.1:9",
        "ATUM_SCHEDULE_FILE": str(ground.schedule),
        "ATUM_PLUGINS": "tests.chaos.job_types",
        "ATUM_LOG_FORMAT": "logfmt",
        "ATUM_LOG_LEVEL": "warning",
        "ATUM_LEASE_HEARTBEAT_S": str(beat_s),
        "ATUM_LEASE_TIMEOUT_S": str(lease_s),
        "ATUM_DRAIN_TIMEOUT_S": "2",
        FOLDER: str(ground.marks),
    }
    environment |= {f"ATUM_{name.upper()}": value for name, value in settings.items()}
    crew = Crew(ground, environment, ("--concurrency", str(concurrency)))
    supervisor: asyncio.Task[None] | None = None
    try:
        for _ in range(count):
            crew.start()
        supervisor = asyncio.create_task(crew.supervise())
        await crew.until_started()
        yield crew
        supervisor.cancel()
        await asyncio.gather(*(crew.ask_to_stop(member) for member in crew.members))
    finally:
        if supervisor is not None:
            supervisor.cancel()
        crew.kill_all()
