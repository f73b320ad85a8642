"""One fault at work: the crew, what is asked of it, and what strikes it."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.queue.commands import replay
from tests.chaos.crew import Crew, Member
from tests.chaos.ground import Ground
from tests.chaos.job_types import Limited, TenantLimited
from tests.chaos.ledger import Asker
from tests.chaos.record import Reach, Record, read_record

_WORKERS = "SELECT id, pid FROM workers"
_RUNNING = """
SELECT limit_key, count(*) AS running FROM job_queue
 WHERE status = 'running' AND limit_key IS NOT NULL GROUP BY limit_key
"""
_BUSY = """
SELECT DISTINCT worker.pid FROM job_queue AS job JOIN workers AS worker ON worker.id = job.locked_by
 WHERE job.status = 'running'
"""
_LEFT = """
SELECT count(*) AS left FROM job_queue WHERE payload ->> 'fault' = $1 AND status IN ('pending', 'running')
"""
_SET_ASIDE = """
SELECT id, organization_id FROM job_queue
 WHERE payload ->> 'fault' = $1 AND status = 'dead_letter' AND job_type <> ALL ('{CHAOS_POISON,CHAOS_HOPELESS}')
"""
_LOOK_S = 0.2
# A supervisor sees a death a moment later; rescuers look every 4/9 of a lease, and a busy machine is late.
_BEFORE_S = 1.0
_SLACK_S = 20.0

Strike = Callable[["Scene"], Coroutine[Any, Any, None]]
Prepare = Callable[[Ground], Awaitable[None]]
Look = Callable[["Scene", Record], Awaitable[list[str]]]


@dataclass(frozen=True)
class Fault:
    """What goes wrong, under which load, and what has to be true besides the promises.

    Attributes:
        jobs: how many are asked for, over `seconds`; each takes up to `longest_s`.
        strike: makes it go wrong; cancelled once the jobs are all asked for, unless it ends before (`to_the_end`: it
            is waited for).
        look: returns what is broken beyond the promises, such as a fault that did not strike at all.
        prepare: called before there are workers.
        settle_s: seconds the queue gets to finish afterwards.
        replays: whether an operator replays jobs that were in three crashes through no fault of their own.
    """

    name: str
    strike: Strike
    look: Look
    jobs: int
    seconds: float
    longest_s: float = 0.05
    workers: int = 3
    concurrency: int = 10
    lease_s: float = 6.0
    beat_s: float = 1.0
    limits: bool = True
    settings: dict[str, str] = field(default_factory=dict)
    to_the_end: bool = False
    prepare: Prepare | None = None
    settle_s: float = 180.0
    replays: bool = False


@dataclass
class Scene:
    """What a fault's strikes and looks work with.

    Attributes:
        struck: how often the fault struck.
        figures: what was measured on the way.
        replayed: jobs an operator had to replay.
    """

    fault: Fault
    ground: Ground
    crew: Crew
    asker: Asker
    struck: int = 0
    figures: dict[str, float] = field(default_factory=dict)
    replayed: int = 0
    reaches: list[Reach] = field(default_factory=list)
    workers: defaultdict[int, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    seen_running: dict[str, int] = field(default_factory=dict)
    acts: list[asyncio.Task[object]] = field(default_factory=list)

    @contextmanager
    def everybody(self) -> Iterator[None]:
        """Note that inside, and as long after as it may show, any worker may lose its leases."""
        self.struck += 1
        begins = time.time()
        try:
            yield
        finally:
            ends = time.time() + 2 * self.fault.lease_s + _SLACK_S
            self.reaches.append(Reach(begins, ends))

    def freeze(self, member: Member, begins: float) -> None:
        """Note that a member stood still from a moment until now."""
        self.struck += 1
        ends = time.time() + 2 * self.fault.lease_s + _SLACK_S
        self.reaches.append(Reach(begins, ends, frozenset(self.workers[member.process.pid])))

    async def whole(self, act: Coroutine[Any, Any, object]) -> None:
        """Let an act come to its end even when the strike is over: what is stopped must go on, what is down come up."""
        task = asyncio.create_task(act)
        self.acts.append(task)
        await asyncio.shield(task)

    async def busy(self) -> Member:
        """Return a member that is in the middle of something; any, where none is for a second."""
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            pids = {row["pid"] for row in await self.ground.look(_BUSY)}
            members = [member for pid, member in self.crew.pids().items() if pid in pids and not member.stopping]
            if members:
                return random.choice(members)
            await asyncio.sleep(_LOOK_S / 4)
        return self.crew.any()

    async def watch(self) -> None:
        """Look at the tables again and again: which process is which worker, and how many jobs of a limit run."""
        while True:
            for row in await self.ground.look(_WORKERS):
                self.workers[row["pid"]].add(row["id"])
            for row in await self.ground.look(_RUNNING):
                key, running = row["limit_key"], row["running"]
                self.seen_running[key] = max(running, self.seen_running.get(key, 0))
            await asyncio.sleep(_LOOK_S)

    async def settle(self) -> bool:
        """Wait until every job has ended; return whether they did in time."""
        deadline = time.monotonic() + self.fault.settle_s
        name = self.asker.ledger.fault
        while (await self.ground.fetch(_LEFT, name))[0]["left"] or await self._replay():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def record(self) -> Record:
        """Read everything the checks look at."""
        record = await read_record(self.ground, self.asker.ledger)
        for marks in record.marks.values():
            for mark in marks:
                self.workers[mark.pid].add(mark.worker)
        for death in self.crew.deaths:
            gone = self.workers[death.pid]
            record.died_at |= dict.fromkeys(gone, death.at)
            ends = death.wall + 2 * self.fault.lease_s + _SLACK_S
            self.reaches.append(Reach(death.wall - _BEFORE_S, ends, frozenset(gone)))
        record.reaches = self.reaches
        record.slots = {str(Limited.limited_by): Limited.slots}
        for organization in self.ground.organizations:
            record.slots[str(TenantLimited.limit_key(organization))] = TenantLimited.slots
        record.seen_running = self.seen_running
        return record

    async def _replay(self) -> int:
        """Have jobs tried again that were in flight at three crashes, as an operator would; return how many."""
        if not self.fault.replays:
            return 0
        dead = await self.ground.fetch(_SET_ASIDE, self.asker.ledger.fault)
        database = Database(self.ground.settings, application="chaos-operator")
        for row in dead:
            async with database.transaction(row["organization_id"]) as session:
                await replay(session, organization_id=row["organization_id"], job_id=row["id"])
        await database.close()
        self.replayed += len(dead)
        return len(dead)


@asynccontextmanager
async def watching(scene: Scene) -> AsyncIterator[None]:
    """Watch the tables meanwhile."""
    watcher = asyncio.create_task(scene.watch())
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.wait({watcher})
