"""The jobs in a worker's hands: some run, a few short ones wait their turn."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from uuid import UUID

import structlog

from helpdesk.observability import origin
from helpdesk.queue.claim import JobInHand
from workers import job_log, job_metrics
from workers.context import WorkerContext
from workers.execution import Execution, Stop, perform
from workers.registry import Handlers
from workers.verdict import Dropped, HandedBack, Lost, Verdict

# Claimed ahead: as many as are started within this time, judged by the slowest job type seen and by what runs now, and
# at most so many. A worker that also serves models claims next to nothing ahead.
_AHEAD_S = 0.2
_MOST_AHEAD = 400
# A job claimed ahead that has not been started by then goes back, for a worker that has room.
_LONGEST_WAIT_S = 2.0
# Share of the newest duration in a job type's running mean.
_NEWEST = 0.1


class Slots:
    """Runs at most `capacity` handlers at a time; a slot is free as soon as its handler returns.

    Args:
        context_of: makes a handler's context.
        settle: takes each verdict.
        nudge: called when there is room for more and the queue was not empty before.
        most: how many it takes at a time of the job types that are not to have all slots.

    Attributes:
        more_expected: whether the queue had more than there was room for.
        reserved: slots that what was claimed ahead is kept out of, for jobs that must start as they are claimed.
    """

    def __init__(
        self,
        capacity: int,
        *,
        handlers: Handlers,
        context_of: Callable[[JobInHand], WorkerContext],
        settle: Callable[[Verdict], None],
        nudge: Callable[[], None],
        most: Mapping[str, int] | None = None,
    ) -> None:
        self.capacity = capacity
        self.more_expected = False
        self.reserved = 0
        self.most = dict(most or {})
        self._handlers = handlers
        self._context_of = context_of
        self._settle = settle
        self._nudge = nudge
        self._waiting: deque[tuple[float, JobInHand]] = deque()
        self._running: dict[UUID, Execution] = {}
        self._stuck: set[Execution] = set()
        # Held by whoever claims: while a job that must run alone does, nobody else may.
        self.claiming = asyncio.Lock()
        self._means: dict[str, float] = {}
        self._slowest_s: float | None = None
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        # Each job begins with this: one that is started where another ended would take over what that one's log says.
        self._context = copy_context()

    @property
    def is_idle(self) -> bool:
        """Return whether nothing runs or waits."""
        return not self._running and not self._waiting

    @property
    def running(self) -> int:
        """Return how many handlers run."""
        return len(self._running)

    @property
    def stuck(self) -> int:
        """Return how many slots are taken by handlers that ignore their timeout; may be called in any thread."""
        return len(self._stuck) + sum(execution.is_stuck for execution in list(self._running.values()))

    @property
    def left_behind(self) -> int:
        """Return how many threads work on for jobs that have ended without them."""
        return len(self._stuck)

    def close(self) -> None:
        """Start no more handlers; what is accepted from now on only waits to be handed back."""
        self._closed = True

    def room(self) -> int:
        """Return how many more jobs may be claimed now."""
        return self.capacity - self.reserved + self._ahead() - self._taken - len(self._waiting)

    @property
    def free(self) -> int:
        """Return how many jobs would start at once."""
        return max(self.capacity - self._taken, 0)

    def in_hand(self) -> Mapping[str, int]:
        """Return how many jobs run or wait of each type."""
        running = (execution.job.job_type for execution in (*self._running.values(), *self._stuck))
        return Counter((*running, *(job.job_type for _, job in self._waiting)))

    @property
    def wants_more(self) -> bool:
        """Return whether a claim is worth its statement: half of what is claimed ahead has been used up."""
        ahead, waiting = self._ahead(), len(self._waiting)
        return waiting <= ahead // 2 and self.capacity - self.reserved + ahead - self._taken - waiting > 0

    def accept(self, jobs: Iterable[JobInHand]) -> None:
        """Take claimed jobs; start them as slots are free."""
        now = time.monotonic()
        self._waiting.extend((now, job) for job in jobs)
        self._fill()

    def accept_first(self, jobs: Iterable[JobInHand]) -> None:
        """Take claimed jobs that go before those that wait."""
        now = time.monotonic()
        self._waiting.extendleft((now, job) for job in reversed([*jobs]))
        self._fill()

    def cancel(self, job_id: UUID, lease: int, why: Stop) -> None:
        """Cancel a job under that lease, whether it runs or waits."""
        for entry in self._waiting:
            job = entry[1]
            if job.id == job_id and job.lease == lease:
                self._waiting.remove(entry)
                gone = why is Stop.LEASE_LOST
                self._settle(Lost(job) if gone else Dropped(job, 0.0, "cancelled on request"))
                return
        execution = self._running.get(job_id)
        # A job that its handler has just completed looks lost from outside.
        if execution is not None and execution.job.lease == lease and not execution.context.completed:
            execution.cancel(why)

    def tell_stuck(self) -> None:
        """Log which handlers have become stuck."""
        for execution in self._running.values():
            if execution.is_stuck:
                execution.tell_stuck()

    def cancel_overdue(self) -> None:
        """Cancel the handlers whose timeout is over."""
        for execution in self._running.values():
            execution.cancel_when_overdue()

    def cancel_all(self, why: Stop) -> None:
        """Cancel every running handler."""
        for execution in self._running.values():
            execution.cancel(why)

    def hand_back_waiting(self, *, older_than_s: float = 0, reason: str) -> None:
        """Give back jobs that were claimed but not started."""
        now = time.monotonic()
        while self._waiting and now - self._waiting[0][0] >= older_than_s:
            _, job = self._waiting.popleft()
            self._settle(HandedBack(job, reason=reason))

    def hand_back_overdue(self) -> None:
        """Give back what has waited too long."""
        self.hand_back_waiting(older_than_s=_LONGEST_WAIT_S, reason="claimed ahead, but not started in time")

    async def wait_until_idle(self, timeout_s: float) -> bool:
        """Wait for running handlers; return whether all ended in time."""
        if self.is_idle:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def abandon(self) -> list[JobInHand]:
        """Forget the handlers that do not even end when cancelled, and return their jobs."""
        jobs = [execution.job for execution in self._running.values()]
        self._running.clear()
        return jobs

    @property
    def _taken(self) -> int:
        return len(self._running) + len(self._stuck)

    def _ahead(self) -> int:
        if self._slowest_s is None:
            return 0
        oldest = next(iter(self._running.values()), None)
        duration = max(self._slowest_s, oldest.age_s if oldest else 0.0, 1e-6)
        return min(_MOST_AHEAD, int(self.capacity * _AHEAD_S / duration))

    def _learn(self, job_type: str, duration_s: float) -> None:
        mean = self._means.get(job_type, duration_s)
        self._means[job_type] = mean + _NEWEST * (duration_s - mean)
        self._slowest_s = max(self._means.values())

    def _fill(self) -> None:
        while self._waiting and not self._closed and self._taken < self.capacity - self.reserved:
            _, job = self._waiting.popleft()
            execution = Execution(self._context_of(job), started=time.perf_counter())
            self._running[job.id] = execution
            job_metrics.started(job)
            self._idle.clear()
            execution.task = asyncio.create_task(self._work(execution), context=self._context.copy())
        # The look at the numbers is for every job that starts or ends; so it begins with what is known without one.
        half_full = len(self._waiting) > _MOST_AHEAD // 2
        if (self.more_expected and not half_full and self.wants_more) or (self.reserved and self.free):
            self._nudge()

    async def _work(self, execution: Execution) -> None:
        job = execution.job
        structlog.contextvars.bind_contextvars(**job_log.identity(job))
        origin.take_up(job_log.origin_of(job))
        with job_log.traced(job) as step:
            verdict = await perform(execution, self._handlers)
            step.told(outcome=type(verdict).__name__.lower(), failed=job_log.reason(verdict))
        job_metrics.ran(verdict, execution.age_s)
        if job.job_type in self.most and self.in_hand()[job.job_type] >= self.most[job.job_type]:
            # No more of its type were asked for.
            self.more_expected = True
        # Gone: given up at shutdown, and already handed back.
        if self._running.pop(job.id, None) is None:
            return
        self._learn(job.job_type, execution.age_s)
        self._settle(verdict)
        if execution.context.going:
            self._stuck.add(execution)
        self._fill()
        if self.is_idle:
            self._idle.set()
        await self._wait_for_threads(execution)

    async def _wait_for_threads(self, execution: Execution) -> None:
        """Keep the slot for as long as a thread works on for a job that has ended without it."""
        if execution not in self._stuck:
            return
        execution.tell_stuck()
        while going := set(execution.context.going):
            await asyncio.gather(*map(asyncio.wrap_future, going), return_exceptions=True)
        self._stuck.discard(execution)
        self._fill()
        self._nudge()
