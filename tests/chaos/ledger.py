"""What was asked for, as the one who asked remembers it: no crash of PostgreSQL or of a worker changes it."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from helpdesk.database.engine import Database
from helpdesk.queue.args import JobArgs
from helpdesk.queue.enqueue import enqueue, enqueue_many
from helpdesk.queue.link import CONNECTION_ERRORS
from helpdesk.queue.wake import WakeUp
from tests.chaos.ground import Ground
from tests.chaos.job_types import (
    ChaosJob,
    Exact,
    Failing,
    Hopeless,
    Keyed,
    Limited,
    Plain,
    Poison,
    Snoozing,
    TenantLimited,
    Threaded,
)

_AWAY: tuple[type[Exception], ...] = (DBAPIError, *CONNECTION_ERRORS)
_BATCH = 25
_ROLLED_BACK_SHARE = 0.1

# How often each kind is asked for; the rarer ones take longer or hold others up.
MIX: tuple[tuple[type[ChaosJob], int], ...] = (
    (Plain, 40),
    (Threaded, 5),
    (Exact, 25),
    (Snoozing, 6),
    (Failing, 6),
    (Keyed, 8),
    (Limited, 6),
    (TenantLimited, 2),
    (Hopeless, 2),
)


class _TakenBack(Exception):
    """The transaction is to be rolled back."""


@dataclass
class Ledger:
    """The jobs of one fault.

    Attributes:
        sure: committed jobs, with the kind of each.
        unsure: jobs whose commit was not answered: they may exist, or not.
        never: jobs whose transaction was rolled back.
        keyed: the jobs that requests with each unique key were given.
        flooded: jobs of a flood, which are only counted.
    """

    fault: str
    sure: dict[UUID, type[JobArgs]] = field(default_factory=dict)
    unsure: dict[UUID, type[JobArgs]] = field(default_factory=dict)
    never: set[UUID] = field(default_factory=set)
    keyed: dict[str, set[UUID]] = field(default_factory=dict)
    flooded: int = 0

    def known(self) -> dict[UUID, type[JobArgs]]:
        """Return every job that may exist."""
        return self.unsure | self.sure


class Asker:
    """Enqueues through the product's own functions, and writes down what came of it."""

    def __init__(self, ground: Ground, database: Database, ledger: Ledger, *, limits: bool = True) -> None:
        self._ground = ground
        self._database = database
        self.ledger = ledger
        self._mix = [(kind, weight) for kind, weight in MIX if limits or kind.limited_by is None]

    async def ask(self, jobs: Sequence[ChaosJob], *, organization_id: UUID | None = None) -> list[UUID]:
        """Enqueue jobs in one transaction; return none when PostgreSQL did not answer."""
        organization_id = organization_id or random.choice(self._ground.organizations)
        ids: list[UUID] = []
        kinds = [type(job) for job in jobs]
        try:
            async with self._database.transaction(organization_id) as session:
                ids = await enqueue_many(session, jobs, organization_id=organization_id)
        except _AWAY:
            self.ledger.unsure |= dict(zip(ids, kinds, strict=False))
            await asyncio.sleep(0.1)
            return []
        self.ledger.sure |= dict(zip(ids, kinds, strict=True))
        return ids

    async def flood(self, jobs: Sequence[ChaosJob], *, organization_id: UUID) -> None:
        """Enqueue very many jobs; only their number is kept."""
        async with self._database.transaction(organization_id) as session:
            await enqueue_many(session, jobs, organization_id=organization_id)
        self.ledger.flooded += len(jobs)

    async def ask_and_take_back(self, jobs: Sequence[ChaosJob]) -> None:
        """Enqueue jobs in a transaction that is then rolled back."""
        organization_id = random.choice(self._ground.organizations)
        try:
            async with self._database.transaction(organization_id) as session:
                self.ledger.never |= set(await enqueue_many(session, jobs, organization_id=organization_id))
                raise _TakenBack
        except _TakenBack:
            return
        except _AWAY:
            await asyncio.sleep(0.1)

    async def ask_for_key(self, key: str, job: Keyed) -> None:
        """Enqueue a job under a unique key; another with the key may stand for it."""
        organization_id = self._ground.organizations[0]
        found: UUID | None = None
        try:
            async with self._database.transaction(organization_id) as session:
                found = await enqueue(session, job, organization_id=organization_id, unique_key=key)
        except _AWAY:
            if found is not None and found not in self.ledger.sure:
                self.ledger.unsure[found] = Keyed
            await asyncio.sleep(0.1)
            return
        self.ledger.sure[found] = Keyed
        self.ledger.keyed.setdefault(key, set()).add(found)

    async def keep_asking(self, count: int, *, within_s: float, longest_s: float) -> None:
        """Enqueue a mix of jobs, evenly over some seconds; ends once `count` are known to be committed.

        Args:
            longest_s: longest time a handler takes.
        """
        began, start = time.monotonic(), len(self.ledger.sure)
        while (asked := len(self.ledger.sure) - start) < count:
            await asyncio.sleep(max(0.0, began + within_s * asked / count - time.monotonic()))
            await self._ask_some(min(_BATCH, count - asked), longest_s)

    async def _ask_some(self, count: int, longest_s: float) -> None:
        kinds = random.choices([kind for kind, _ in self._mix], weights=[weight for _, weight in self._mix], k=count)
        jobs = [kind(fault=self.ledger.fault, seconds=random.uniform(0, longest_s)) for kind in kinds]
        await self.ask([job for job in jobs if not isinstance(job, Keyed)])
        # Two at once for each key: one of them gets the other's job.
        for job in jobs:
            if isinstance(job, Keyed):
                key = f"{self.ledger.fault}-{random.randrange(20)}"
                await asyncio.gather(self.ask_for_key(key, job), self.ask_for_key(key, job))
        if random.random() < _ROLLED_BACK_SHARE:
            await self.ask_and_take_back([Plain(fault=self.ledger.fault), Exact(fault=self.ledger.fault)])

    async def ask_for_poison(self) -> list[UUID]:
        """Enqueue jobs that kill their worker, one way each."""
        poison: list[UUID] = []
        for how in (signal.SIGKILL, signal.SIGSEGV):
            poison += await self.ask([Poison(fault=self.ledger.fault, signal=how)])
        return poison


@asynccontextmanager
async def asking(ground: Ground, fault: str, *, limits: bool = True) -> AsyncIterator[Asker]:
    """Give an asker whose commits wake the workers."""
    database = Database(ground.settings, application="chaos-ask")
    try:
        async with WakeUp(ground.settings, application="chaos-wake"):
            yield Asker(ground, database, Ledger(fault), limits=limits)
    finally:
        await database.close()
