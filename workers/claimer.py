"""Claim jobs whenever there is room: at a wake-up, at a poll, and at once while the queue is full."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog

from helpdesk.observability.metrics.jobs import CLAIM
from helpdesk.queue.claim import JobInHand, claim, claim_by_tenant, others_wait, seconds_until_due
from helpdesk.queue.limits import LimitedTurns, claim_limited, waiting_keys
from helpdesk.queue.link import Link
from helpdesk.queue.settle import release_orphans
from workers.completer import Completer
from workers.counters import Counters
from workers.lifecycle import WorkerProcess
from workers.loops import pause
from workers.room import room_for
from workers.slots import Slots

_LOOP = "claimer"
_SHORTEST_WAIT_S = 0.01
# Between looks for jobs with a limit key while there is other work, or while some wait for a slot that is taken.
_LOOK_S = 1.0
# Until the next look when another worker was at the same key, or when there were more keys than one look takes.
_LOOK_AGAIN_S = 0.05
_MANY_KEYS = 50
_A_YEAR_MS = 365 * 24 * 3600 * 1000

log = structlog.get_logger()


class Claimer:
    """The one task of a process that claims.

    While the queue is full it takes turns between the oldest deadlines and a round of the tenants, so that nobody's
    jobs wait for another's many. Jobs with a limit key have looks of their own, which take turns with both.

    Attributes:
        nudge: set when it is worth looking for more of what was found last.
    """

    def __init__(self, process: WorkerProcess, link: Link, *, types: Sequence[str], counters: Counters) -> None:
        self._process = process
        self._link = link
        self._types = types
        self._counters = counters
        self.nudge = asyncio.Event()
        self._claim_at = self._look_at = 0.0
        self._claimed_last = False
        self._by_tenant_next = False
        self._only_tenant: UUID | None = None
        # Processes that start together should not go round the tenants together; ids begin with the time they were
        # made.
        self._after = UUID(int=int(time.time() * 1000 - random.random() * _A_YEAR_MS) << 80)  # noqa: S311
        self._turns = LimitedTurns(by_tenant=random.random() < 0.5)  # noqa: S311
        self._limited: set[UUID] = set()

    def wake(self) -> None:
        """Look at once for whatever may be new."""
        self._look_at = 0.0
        self.nudge.set()

    def settled(self, job_id: UUID) -> None:
        """Note that PostgreSQL knows how a job ended: if it had a slot of a limit key, that one is free."""
        if job_id in self._limited:
            self._limited.discard(job_id)
            self.wake()

    async def run(self, slots: Slots, completer: Completer) -> None:
        """Claim until the process stops; raise when PostgreSQL is away, to be run again."""
        stopping, heartbeat, pulse = self._process.stopping, self._process.heartbeat, self._process.supervised.pulse
        pulse.beat(_LOOP)
        # A claim whose answer was lost with the connection left jobs that nobody here knows of.
        await release_orphans(self._link, worker_id=self._process.id, held=heartbeat.held())
        while not stopping.is_set():
            pulse.beat(_LOOP)
            if self.nudge.is_set():
                self.nudge.clear()
                self._claim_at = 0.0
            if not heartbeat.may_claim:
                heartbeat.beat_now()
                await pause(stopping, 0.5)
            elif completer.is_full:
                await pause(self.nudge, self._process.settings.poll_interval)
            else:
                # Not while a job runs that must be alone, which takes as long as the job.
                pulse.rest(_LOOP)
                async with slots.claiming:
                    pulse.beat(_LOOP)
                    wait = await self._step(slots)
                if wait:
                    await pause(self.nudge, wait)

    async def _step(self, slots: Slots) -> float:
        """Make one claim or one look, and return 0; or return how many seconds there is nothing to do."""
        now = time.monotonic()
        claims, looks = now >= self._claim_at, now >= self._look_at or (slots.reserved > 0 and slots.free > 0)
        if claims and not slots.wants_more:
            # The slots say when they do.
            claims, slots.more_expected = False, True
        if claims and not (looks and self._claimed_last):
            self._claimed_last = True
            await self._claim(slots)
        elif looks:
            self._claimed_last = False
            await self._look(slots)
        else:
            next_claim = self._claim_at if self._claim_at > now else now + self._process.settings.poll_interval
            return max(min(next_claim, self._look_at) - now, _SHORTEST_WAIT_S)
        return 0.0

    async def _claim(self, slots: Slots) -> None:
        limit = slots.room()
        room = self._room(slots, limit)
        began = time.perf_counter()
        if self._by_tenant_next and await self._others_wait():
            found = await claim_by_tenant(
                self._link, worker_id=self._process.id, limit=limit, room=room, after=self._after
            )
            jobs, self._after, full = found.jobs, found.after, True
            self._by_tenant_next = False
        else:
            jobs = await claim(self._link, worker_id=self._process.id, limit=limit, room=room)
            tenants = {job.organization_id for job in jobs}
            self._only_tenant = tenants.pop() if len(tenants) == 1 else None
            full = len(jobs) >= limit
            taken = Counter(job.job_type for job in jobs)
            self._by_tenant_next = full or any(taken[job_type] >= room[job_type] for job_type in taken)
        took = time.perf_counter() - began
        self._counters.claim_took(took)
        CLAIM.observe(took)
        self._hold(jobs)
        slots.more_expected = full
        slots.accept(jobs)
        self._claim_at = 0.0 if full else time.monotonic() + await self._idle_wait(room)

    async def _others_wait(self) -> bool:
        """Return whether there is anybody else to whom a turn could go than the one tenant seen last."""
        return self._only_tenant is None or await others_wait(self._link, organization_id=self._only_tenant)

    async def _look(self, slots: Slots) -> None:
        """Look for jobs with a limit key; they are never claimed ahead, since a slot that waits is lost to others."""
        limit = slots.free
        room = self._room(slots, max(limit, 1))
        keys = await waiting_keys(self._link, turns=self._turns, room=room)
        wait = _LOOK_S if keys or slots.more_expected else self._poll_s()
        slots.reserved = 0
        if not any(key.is_ready for key in keys):
            dues = [key.due_s for key in keys if key.due_s is not None and key.due_s > 0]
            wait = min([wait, *dues])
        elif not limit:
            slots.reserved = 1
        else:
            found = await claim_limited(
                self._link, worker_id=self._process.id, limit=limit, keys=keys, turns=self._turns, room=room
            )
            self._limited.update(job.id for job in found.jobs)
            self._hold(found.jobs)
            slots.accept_first(found.jobs)
            if found.contended:
                wait = _LOOK_AGAIN_S * random.uniform(0.5, 1.5)  # noqa: S311 (jitter)
        if len(keys) >= _MANY_KEYS and slots.free:
            wait = min(wait, _LOOK_AGAIN_S)
        self._look_at = time.monotonic() + max(wait, _SHORTEST_WAIT_S)

    def _hold(self, jobs: Sequence[JobInHand]) -> None:
        self._counters.claimed += len(jobs)
        self._process.heartbeat.hold({job.id: job.lease for job in jobs})

    def _room(self, slots: Slots, limit: int) -> dict[str, int]:
        return room_for(self._types, most=slots.most, in_hand=slots.in_hand(), limit=limit)

    def _poll_s(self) -> float:
        return self._process.settings.poll_interval * random.uniform(0.8, 1.2)  # noqa: S311 (jitter)

    async def _idle_wait(self, room: Mapping[str, int]) -> float:
        """Return how long to wait: the poll interval give or take a fifth, less when a delayed job is due before."""
        wait = self._poll_s()
        if wait > 1:
            due = await seconds_until_due(self._link, room=room)
            if due is not None:
                wait = max(min(wait, due), _SHORTEST_WAIT_S)
        return wait
