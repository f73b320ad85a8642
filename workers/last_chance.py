"""Run jobs that crashed twice one by one, with nothing else in the process that a third crash could take along."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from uuid import UUID

import structlog

from helpdesk.queue.last_chance import take, waiting
from helpdesk.queue.link import Transacts
from workers.counters import Counters
from workers.job_log import identity
from workers.lifecycle import WorkerProcess
from workers.loops import pause
from workers.slots import Slots

# Shares of the lease time: looked for every 2 to 4 of 90 seconds, and worked on for at most 5 in a row.
_LOOK_FROM, _LOOK_TO = 1 / 45, 2 / 45
_AT_A_STRETCH = 1 / 18
_LOOK_S = 0.02

log = structlog.get_logger()


class LastChances:
    """Stops the process's claiming while it lets what runs end, and then runs such jobs alone.

    Args:
        link: the claimer's connection, whose turn this takes.
        is_settled: whether PostgreSQL has heard of every ending.
    """

    def __init__(
        self,
        process: WorkerProcess,
        slots: Slots,
        link: Transacts,
        *,
        is_settled: Callable[[], bool],
        room: Mapping[str, int] | None,
        counters: Counters,
    ) -> None:
        self._process = process
        self._slots = slots
        self._link = link
        self._is_settled = is_settled
        self._room = room
        self._counters = counters

    async def run(self) -> None:
        """Look every few seconds until the process stops; raise when PostgreSQL is away, to be run again."""
        lease = self._process.settings.lease_timeout_s
        while not await pause(self._process.stopping, lease * random.uniform(_LOOK_FROM, _LOOK_TO)):  # noqa: S311 (jitter)
            # A thread that outlived its job could crash the process as well.
            if not self._process.heartbeat.may_claim or self._slots.left_behind:
                continue
            if await waiting(self._process.link, room=self._room) is not None:
                async with self._slots.claiming:
                    await self._work_off(until=time.monotonic() + lease * _AT_A_STRETCH)

    async def _work_off(self, *, until: float) -> None:
        passed_over: frozenset[UUID] = frozenset()
        while await self._is_alone() and self._process.heartbeat.may_claim:
            job = await waiting(self._link, room=self._room, but=passed_over)
            if job is None:
                return
            taken = await take(self._link, job, worker_id=self._process.id)
            if taken is None:
                passed_over |= {job.id}
            else:
                log.warning("job_runs_alone", **identity(taken))
                self._counters.claimed += 1
                self._process.heartbeat.hold({taken.id: taken.lease})
                self._slots.accept([taken])
            if not await self._is_alone() or time.monotonic() > until:
                return

    async def _is_alone(self) -> bool:
        """Wait until nothing runs and PostgreSQL knows it; return False when the process is to stop."""
        while not (self._slots.is_idle and self._is_settled()):
            if await pause(self._process.stopping, _LOOK_S):
                return False
        return not self._process.stopping.is_set()
