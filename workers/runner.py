"""The job worker's heart: claim, run, settle, repeat; drain when asked to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from helpdesk.ai.model import Models
from helpdesk.queue import settle
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.depth import ready_jobs
from helpdesk.queue.link import Link
from helpdesk.queue.wake import CANCEL, JOBS
from workers import job_metrics
from workers.claimer import Claimer
from workers.completer import Completer
from workers.context import WorkerContext
from workers.counters import Counters
from workers.execution import Stop
from workers.gathering import Gathering
from workers.last_chance import LastChances
from workers.lifecycle import WorkerProcess
from workers.loops import Loop, keep_running, pause, run_loops
from workers.registry import Handlers
from workers.room import most_of_each
from workers.slots import Slots
from workers.threads import Threads
from workers.upkeep import maintain_forever, rescue_forever, schedule_forever
from workers.verdict import HandedBack

_WATCH_S = 0.2
# What handlers get to clean up after they were cancelled, and PostgreSQL to hear the last endings.
_CANCEL_GRACE_S = 5.0
_FLUSH_GRACE_S = 10.0
# The exit code of a process whose slots are taken by handlers that never end: EX_SOFTWARE of sysexits.h.
STUCK = 70

log = structlog.get_logger()


class Runner:
    """Runs jobs until the process is told to stop.

    Args:
        types: the job types to claim, of those that have a handler; None claims all.
        upkeep: whether it also rescues, schedules and prunes.

    Attributes:
        left_running: handlers and threads that did not even end when cancelled.
        exit_code: what the process is to end with: 0, or STUCK when too many handlers ignored their timeouts.
    """

    def __init__(
        self,
        process: WorkerProcess,
        *,
        handlers: Handlers,
        models: Models,
        capacity: int,
        types: Sequence[str] | None = None,
        upkeep: bool = True,
    ) -> None:
        self._process = process
        self._models = models
        self._upkeep = upkeep
        self.counters = Counters()
        self.left_running = 0
        self.exit_code = 0
        self._most_stuck = process.settings.most_stuck_handlers or max(1, capacity // 2)
        self._threads = Threads(capacity)
        self._claiming = Link(process.settings, application="job-worker-claim")
        self._settling = Link(process.settings, application="job-worker-settle")
        # What it cannot run it leaves to others, however new the type.
        served = [name for name in (JOB_TYPES if types is None else types) if handlers.get(name)]
        job_metrics.begin(served)
        self._claimer = Claimer(process, self._claiming, types=served, counters=self.counters)
        self._completer = Completer(
            self._settling,
            worker_id=process.id,
            let_go=self._let_go,
            busy=lambda: not self._slots.is_idle,
            counters=self.counters,
        )
        self._slots = Slots(
            capacity,
            handlers=handlers,
            context_of=self._context,
            settle=self._completer.put,
            nudge=self._claimer.nudge.set,
            most=most_of_each(served, process.settings.job_type_limits),
        )

        self._last_chances = LastChances(
            process,
            self._slots,
            self._claiming,
            is_settled=lambda: self._completer.unheard == 0,
            room=dict.fromkeys(served, 1),
            counters=self.counters,
        )

    async def run(self) -> None:
        """Work until `process.stopping` is set, then drain."""
        self._heed_notices()
        flushed = asyncio.Event()
        completing = asyncio.create_task(keep_running("completer", self._completer.run, stopping=flushed))
        timeouts = asyncio.create_task(self._end_overdue(), name="timeouts")
        try:
            await run_loops(self._loops(), stopping=self._process.stopping)
            await self._drain()
            self._completer.close()
            await asyncio.wait({completing}, timeout=_FLUSH_GRACE_S)
        finally:
            flushed.set()
            completing.cancel()
            timeouts.cancel()
            await asyncio.wait({completing, timeouts})
            await self._claiming.close()
            await self._settling.close()
            self._threads.close()
        self.left_running += self._slots.left_behind
        log.info("job_worker_stopped", unheard=self._completer.unheard, **self.counters.as_dict())

    def _loops(self) -> dict[str, Loop]:
        process = self._process
        loops: dict[str, Loop] = {
            "claimer": lambda: self._claimer.run(self._slots, self._completer),
            "watch": self._watch,
            "last chances": self._last_chances.run,
            "stop": self._stop_starting,
            **process.loops(),
        }
        if self._upkeep:
            loops["rescuer"] = lambda: rescue_forever(process, self.counters)
            loops["scheduler"] = lambda: schedule_forever(process)
            loops["pruner"] = lambda: maintain_forever(process)
        if process.settings.metrics_listen:
            loops["figures"] = Gathering(process).run
        return loops

    def _heed_notices(self) -> None:
        heartbeat, listener = self._process.heartbeat, self._process.listener
        heartbeat.figures = self._figures
        self._process.supervised.says = self._says
        job_metrics.watch(
            slots=lambda: self._slots.capacity,
            busy=lambda: self._slots.running,
            stuck=lambda: self._slots.stuck,
            unheard=lambda: self._completer.unheard,
        )
        heartbeat.on_lost = lambda job, lease: self._slots.cancel(job, lease, Stop.LEASE_LOST)
        heartbeat.on_cancel = lambda job, lease: self._slots.cancel(job, lease, Stop.CANCEL_REQUESTED)
        listener.on(JOBS, self._claimer.wake)
        # A request to stop a running job is seen by the heartbeat; this only brings the next one forward.
        listener.on(CANCEL, heartbeat.beat_now)

    def _figures(self) -> dict[str, Any]:
        """Return what `workers.stats` says of this process; called in the heartbeat's thread."""
        return {
            **self.counters.as_dict(),
            "stuck": self._slots.stuck,
            "claim_ms": self.counters.claim_ms(),
            "models": self._models.report(),
        }

    async def _says(self) -> str:
        """Return a line for the service manager: jobs in hand, and jobs that wait in the queue."""
        ready = await ready_jobs(self._process.link)
        slots, done = self._slots, self.counters.completed
        return f"{slots.running} of {slots.capacity} slots busy, {ready} jobs ready, {done} completed"

    async def _end_overdue(self) -> None:
        """End handlers whose time is over, also while the worker drains."""
        while True:
            await asyncio.sleep(_WATCH_S)
            self._slots.cancel_overdue()

    async def _watch(self) -> None:
        """Give work up when its lease is in danger, and give back what waits too long."""
        heartbeat = self._process.heartbeat
        # Well within the ninth of a lease that is left once handlers have to end.
        every_s = min(_WATCH_S, self._process.settings.lease_timeout_s / 60)
        while not await pause(self._process.stopping, every_s):
            if heartbeat.must_stop:
                log.error("worker_cut_off", beat_age_s=round(heartbeat.age_s, 1))
                self._slots.hand_back_waiting(reason="the worker lost the database")
                self._slots.cancel_all(Stop.CUT_OFF)
            else:
                self._slots.hand_back_overdue()
            self._look_for_stuck()

    def _look_for_stuck(self) -> None:
        """Report handlers that ignore their timeouts; end the process, for its supervisor, when they are too many."""
        self._slots.tell_stuck()
        if self._slots.stuck >= self._most_stuck:
            log.error("worker_stuck", handlers=self._slots.stuck, most=self._most_stuck)
            self.exit_code = STUCK
            self._process.stopping.set()

    async def _stop_starting(self) -> None:
        await self._process.stopping.wait()
        self._slots.close()
        self._claimer.nudge.set()

    async def _drain(self) -> None:
        """Give back what has not begun, let the rest finish, and cancel what does not in time."""
        self._process.heartbeat.state = "draining"
        self._slots.hand_back_waiting(reason="the worker stopped")
        log.info("job_worker_draining", running=self._slots.running)
        if await self._slots.wait_until_idle(self._process.settings.drain_timeout_s):
            return
        self._slots.cancel_all(Stop.SHUTDOWN)
        if await self._slots.wait_until_idle(_CANCEL_GRACE_S):
            return
        for job in self._slots.abandon():
            self.left_running += 1
            self._completer.put(HandedBack(job, reason="the worker stopped, and the handler would not"))

    def _let_go(self, job_id: UUID) -> None:
        self._process.heartbeat.drop(job_id)
        self._claimer.settled(job_id)

    def _context(self, job: JobInHand) -> WorkerContext:
        process = self._process
        return WorkerContext(process.database, self._models, process.settings, job, self._threads, self._report)

    async def _report(self, job: JobInHand, progress: Mapping[str, Any]) -> bool:
        return await settle.report_progress(self._settling, job=job, progress=progress)
