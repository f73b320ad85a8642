"""Tell the queue how jobs ended: in batches, and as often as it takes until PostgreSQL has heard."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from uuid import UUID

import asyncpg
import structlog

from helpdesk.queue import settle
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.link import CONNECTION_ERRORS, Runs
from workers import job_log, job_metrics
from workers.counters import Counters
from workers.loops import pause
from workers.verdict import Dropped, Failure, Finished, FinishedInside, HandedBack, Lost, Verdict

_BATCH = 100
_LARGEST_BATCH = 500
_BATCH_WAIT_S = 0.02
# Beyond this the claimer waits: an unheard ending is work that may have to be done again.
_MOST_UNHEARD = 2000

log = structlog.get_logger()


class Completer:
    """Settles verdicts in the order they come, completions 100 at a time or every 20 ms.

    Args:
        let_go: called with each job that is settled or lost.
        busy: whether more verdicts are about to come; when not, a batch leaves at once.
    """

    def __init__(
        self,
        link: Runs,
        *,
        worker_id: UUID,
        let_go: Callable[[UUID], None],
        busy: Callable[[], bool],
        counters: Counters,
    ) -> None:
        self._link = link
        self._worker_id = worker_id
        self._let_go = let_go
        self._busy = busy
        self._counters = counters
        self._unheard: dict[UUID, Verdict] = {}
        self._news = asyncio.Event()
        self._batch_full = asyncio.Event()
        self._closing = False

    @property
    def is_full(self) -> bool:
        """Return whether too many endings are unheard for new work to be taken."""
        return len(self._unheard) >= _MOST_UNHEARD

    @property
    def unheard(self) -> int:
        """Return how many endings PostgreSQL has not heard of."""
        return len(self._unheard)

    def put(self, verdict: Verdict) -> None:
        """Take a verdict; returns at once."""
        if isinstance(verdict, (FinishedInside, Lost)):
            self._note_settled_elsewhere(verdict)
            return
        self._unheard[verdict.job.id] = verdict
        self._news.set()
        if len(self._unheard) >= _BATCH or not self._busy():
            self._batch_full.set()

    def close(self) -> None:
        """Let `run` return once everything is heard."""
        self._closing = True
        self._news.set()
        self._batch_full.set()

    async def run(self) -> None:
        """Settle verdicts until closed; raise when PostgreSQL is away, to be run again with nothing forgotten."""
        while self._unheard or not self._closing:
            if not self._unheard:
                await self._news.wait()
            self._news.clear()
            if self._busy() and not self._closing:
                await pause(self._batch_full, _BATCH_WAIT_S)
            self._batch_full.clear()
            if self._unheard:
                await self._flush()

    async def _flush(self) -> None:
        batch = list(islice(self._unheard.values(), _LARGEST_BATCH))
        try:
            await self._settle(batch)
        except CONNECTION_ERRORS:
            raise  # before PostgresError, which some of them are
        except (asyncpg.PostgresError, ValueError, TypeError) as error:
            log.warning("batch_refused", jobs=len(batch), error=f"{type(error).__name__}: {error}")
            await self._settle_one_by_one(batch)

    async def _settle_one_by_one(self, batch: list[Verdict]) -> None:
        """Find the verdict PostgreSQL does not take, and settle it as a failure."""
        for verdict in batch:
            try:
                await self._settle([verdict])
            except CONNECTION_ERRORS:
                raise
            except (asyncpg.PostgresError, ValueError, TypeError) as error:
                why = f"the outcome cannot be stored: {type(error).__name__}: {error}"
                await self._fail(Failure(verdict.job, 0.0, why, fatal=True, cause=error))

    async def _settle(self, batch: list[Verdict]) -> None:
        finished = [verdict for verdict in batch if isinstance(verdict, Finished)]
        if finished:
            await self._complete(finished)
        backs: defaultdict[tuple[str, float, str | None], list[HandedBack]] = defaultdict(list)
        for verdict in batch:
            if isinstance(verdict, Failure):
                await self._fail(verdict)
            elif isinstance(verdict, Dropped):
                await self._cancel(verdict)
            elif isinstance(verdict, HandedBack):
                backs[verdict.event, verdict.after_s, verdict.reason].append(verdict)
        for same in backs.values():
            await self._hand_back(same)

    async def _complete(self, finished: list[Finished]) -> None:
        results = {verdict.job.id: verdict.result for verdict in finished if verdict.result is not None}
        jobs = [verdict.job for verdict in finished]
        heard = await settle.complete(self._link, worker_id=self._worker_id, jobs=jobs, results=results)
        self._counters.completed += len(heard)
        job_log.completed([verdict for verdict in finished if verdict.job.id in heard])
        for job in jobs:
            if job.id in heard:
                job_metrics.ended(job, "completed")
            self._settled(job, held=job.id in heard)

    async def _fail(self, failure: Failure) -> None:
        became = await settle.fail(
            self._link, job=failure.job, error=failure.error, delay_s=failure.delay_s, fatal=failure.fatal
        )
        if became is not None:
            job_log.failed(failure, became)
            if became.status == "pending":
                self._counters.retried += 1
                job_metrics.ended(failure.job, "retried")
            elif became.status == "dead_letter":
                self._counters.dead_lettered += 1
                job_metrics.ended(failure.job, "dead_lettered")
        self._settled(failure.job, held=became is not None)

    async def _cancel(self, dropped: Dropped) -> None:
        held = await settle.cancel(self._link, job=dropped.job, reason=dropped.reason)
        if held:
            self._counters.cancelled += 1
            job_metrics.ended(dropped.job, "cancelled")
            job_log.cancelled(dropped)
        self._settled(dropped.job, held=held)

    async def _hand_back(self, same: list[HandedBack]) -> None:
        first, jobs = same[0], [verdict.job for verdict in same]
        held = await settle.hand_back(
            self._link,
            worker_id=self._worker_id,
            jobs=jobs,
            event=first.event,
            after_s=first.after_s,
            reason=first.reason,
        )
        self._counters.handed_back += len(held)
        job_log.handed_back([verdict for verdict in same if verdict.job.id in held])
        for job in jobs:
            if job.id in held:
                job_metrics.ended(job, "snoozed" if first.event == "snoozed" else "released")
            self._settled(job, held=job.id in held)

    def _note_settled_elsewhere(self, verdict: FinishedInside | Lost) -> None:
        if isinstance(verdict, FinishedInside):
            self._counters.completed += 1
            job_metrics.ended(verdict.job, "completed")
            job_log.completed([verdict])
        self._settled(verdict.job, held=isinstance(verdict, FinishedInside))

    def _settled(self, job: JobInHand, *, held: bool) -> None:
        self._unheard.pop(job.id, None)
        self._let_go(job.id)
        if not held:
            self._counters.stale += 1
            job_metrics.stale(job)
            log.warning("lease_lost", **job_log.identity(job))
