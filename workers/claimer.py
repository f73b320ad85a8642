"""Claim jobs whenever there is room: at a wake-up, at a poll, and at once while the queue is full."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import structlog

from helpdesk.queue.claim import claim, seconds_until_due
from helpdesk.queue.link import Runs
from helpdesk.queue.settle import release_orphans
from workers.completer import Completer
from workers.counters import Counters
from workers.lifecycle import WorkerProcess
from workers.loops import pause
from workers.slots import Slots

# A job of a type that this worker does not serve must not have it look again and again.
_SHORTEST_WAIT_S = 0.01

log = structlog.get_logger()


class Claimer:
    """The one task of a process that claims.

    Attributes:
        nudge: set when it is worth looking again.
    """

    def __init__(self, process: WorkerProcess, link: Runs, *, types: Sequence[str] | None, counters: Counters) -> None:
        self._process = process
        self._link = link
        self._types = types
        self._counters = counters
        self.nudge = asyncio.Event()

    async def run(self, slots: Slots, completer: Completer) -> None:
        """Claim until the process stops; raise when PostgreSQL is away, to be run again."""
        stopping, heartbeat = self._process.stopping, self._process.heartbeat
        # A claim whose answer was lost with the connection left jobs that nobody here knows of.
        await release_orphans(self._link, worker_id=self._process.id, held=heartbeat.held())
        while not stopping.is_set():
            self.nudge.clear()
            if not heartbeat.may_claim:
                heartbeat.beat_now()
                await pause(stopping, 0.5)
            elif completer.is_full or not slots.wants_more:
                await pause(self.nudge, self._process.settings.poll_interval)
            else:
                await self._claim(slots)

    async def _claim(self, slots: Slots) -> None:
        room = slots.room()
        jobs = await claim(self._link, worker_id=self._process.id, limit=room, types=self._types)
        self._counters.claimed += len(jobs)
        self._process.heartbeat.hold({job.id: job.lease for job in jobs})
        slots.more_expected = len(jobs) >= room
        slots.accept(jobs)
        if not slots.more_expected and not self.nudge.is_set():
            await pause(self.nudge, await self._idle_wait())

    async def _idle_wait(self) -> float:
        """Return how long to wait: the poll interval give or take a fifth, less when a delayed job is due before."""
        wait = self._process.settings.poll_interval * random.uniform(0.8, 1.2)  # noqa: S311 (jitter)
        if wait > 1 and self._types is None:
            due = await seconds_until_due(self._link)
            if due is not None:
                wait = max(min(wait, due), _SHORTEST_WAIT_S)
        return wait
