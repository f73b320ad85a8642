"""The index worker: takes changed sources in batches of ten and brings them into the search index."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError

from helpdesk.ai.model import Embedder
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.observability.metrics.index import RESCUES
from helpdesk.queue.link import CONNECTION_ERRORS
from helpdesk.queue.wake import INDEX
from helpdesk.rag.indexing.claim import BATCH, HEARTBEAT, IndexTaskInHand, claim, leases_of, prune, release, rescue
from helpdesk.rag.indexing.depth import ready_tasks
from helpdesk.rag.indexing.index import BatchReport, Indexer, index_batch
from helpdesk.rag.indexing.reconcile import MOST_AT_ONCE, has_index, reconcile
from helpdesk.settings import Settings
from workers import index_metrics
from workers.index_log import IndexLog
from workers.lifecycle import WorkerProcess, stop_on_signals, worker_process
from workers.loops import pause, run_loops

# While the runtime embeds one batch, another is read or written.
BATCHES_AT_A_TIME = 2
TELL_S = 60.0
_ORGANIZATIONS = "SELECT id FROM organizations ORDER BY id"

log = structlog.get_logger()


class RagWorker:
    """The loops of one index worker."""

    def __init__(self, process: WorkerProcess, embedder: Embedder) -> None:
        self._process = process
        self._settings = process.settings
        self._indexer = Indexer(process.database, embedder, process.link, asyncio.Lock())
        self._slots = asyncio.Semaphore(BATCHES_AT_A_TIME)
        self._batches: set[asyncio.Task[None]] = set()
        self._not_before = 0.0
        self._log = IndexLog(process.link)
        self.wake = asyncio.Event()

    async def index_forever(self) -> None:
        """Claim and index until the process is to stop, then let the batches in hand end."""
        waker, pulse = asyncio.create_task(self._wake_at_stop()), self._process.supervised.pulse
        try:
            while not self._process.stopping.is_set():
                # A batch takes as long as the runtime does.
                pulse.rest("index")
                await self._slots.acquire()
                pulse.beat("index")
                try:
                    tasks = await self._claim()
                except BaseException:
                    self._slots.release()
                    raise
                if tasks:
                    self._start(tasks)
                else:
                    self._slots.release()
                    await pause(self.wake, self._settings.poll_interval * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
        finally:
            waker.cancel()
            await self._drain()

    async def rescue_forever(self) -> None:
        """Give tasks of dead workers to the living, and forget what was done long ago."""
        while not await pause(self._process.stopping, self._settings.lease_timeout_s / 3):
            rescued = await rescue(self._process.link, timeout_s=self._settings.lease_timeout_s)
            if rescued:
                RESCUES.inc(rescued)
                log.warning("index_tasks_rescued", tasks=rescued)
                self.wake.set()
            await prune(self._process.link)

    async def tell_forever(self) -> None:
        """Log once a minute what waits and how fast it goes, as long as there is something to tell."""
        while not await pause(self._process.stopping, TELL_S):
            await self._log.tell()

    async def says(self) -> str:
        """Return a line for the service manager: batches in hand, and sources that wait."""
        ready = await ready_tasks(self._process.link)
        return f"{len(self._batches)} of {BATCHES_AT_A_TIME} batches in hand, {ready} sources ready"

    async def begin_empty_indexes(self) -> None:
        """Queue all sources of organisations that have no index at all, such as after a restore without it.

        What is missing in an index that is there is found by the scheduled job RECONCILE_INDEX.
        """
        for row in await self._process.link.fetch(_ORGANIZATIONS):
            if self._process.stopping.is_set():
                return
            if queued := await self._begin_index(row["id"]):
                log.info("index_begun", organization_id=str(row["id"]), queued=queued)

    async def _begin_index(self, organization_id: UUID) -> int:
        total, queued = 0, MOST_AT_ONCE
        while queued >= MOST_AT_ONCE:
            async with self._process.database.transaction(organization_id) as session:
                if total == 0 and await has_index(session, organization_id=organization_id):
                    return 0
                queued = await reconcile(
                    session,
                    organization_id=organization_id,
                    open_tickets=self._settings.rag_index_on_ticket_create,
                )
            total += queued
        return total

    async def _wake_at_stop(self) -> None:
        await self._process.stopping.wait()
        self.wake.set()

    async def _claim(self) -> list[IndexTaskInHand]:
        self.wake.clear()
        if self._process.stopping.is_set() or time.monotonic() < self._not_before:
            return []
        if not self._process.heartbeat.may_claim:
            return []
        tasks = await claim(self._process.link, worker=self._process.id)
        self._process.heartbeat.hold(leases_of(tasks))
        return tasks

    def _start(self, tasks: Sequence[IndexTaskInHand]) -> None:
        batch = asyncio.create_task(self._run(tasks), name="index-batch")
        self._batches.add(batch)
        batch.add_done_callback(self._batches.discard)

    async def _run(self, tasks: Sequence[IndexTaskInHand]) -> None:
        started = time.perf_counter()
        # A batch may be of several organisations; each batch is a task, and so has a context of its own.
        if len(owners := {task.organization_id for task in tasks}) == 1:
            structlog.contextvars.bind_contextvars(organization_id=str(*owners))
        try:
            report = await index_batch(self._indexer, tasks, now=datetime.now(UTC))
            self._told(report, time.perf_counter() - started)
        except asyncio.CancelledError:
            await self._hand_back(tasks, reason="the worker stopped", after_s=0)
            raise
        except Exception as error:  # whatever it was, the tasks must not stay in hand
            log.warning("rag_batch_interrupted", tasks=len(tasks), error=f"{type(error).__name__}: {error}")
            await self._hand_back(tasks, reason="the batch was interrupted", after_s=5)
            self._not_before = time.monotonic() + 1
        finally:
            for task in tasks:
                self._process.heartbeat.drop(task.id)
            self._slots.release()

    def _told(self, report: BatchReport, duration: float) -> None:
        self._log.count(report)
        index_metrics.count(report, duration)
        if report.documents or report.failed or report.lost:
            log.info(
                "rag_batch_indexed",
                documents=report.documents,
                chunks=report.chunks,
                embedded=report.embedded,
                reused=report.reused,
                unchanged=report.unchanged,
                deleted=report.deleted,
                failed=report.failed,
                lost=report.lost,
                duration=round(duration, 3),
                documents_per_s=round(report.documents / max(duration, 0.001), 1),
            )
        if report.handed_back:
            if not report.documents:
                # The rest of the queue waits for the same runtime.
                self._not_before = time.monotonic() + report.retry_after_s
            log.warning(
                "index_waits_for_model",
                tasks=report.handed_back,
                reason=report.waits_for,
                retry_s=round(report.retry_after_s, 1),
            )

    async def _hand_back(self, tasks: Sequence[IndexTaskInHand], *, reason: str, after_s: float) -> None:
        try:
            await release(self._process.link, tasks, reason=reason, after_s=after_s)
        except (*CONNECTION_ERRORS, asyncpg.PostgresError, DBAPIError) as error:
            # Once this worker beats no more for them, a rescue gives them to another.
            log.warning("index_tasks_left_in_hand", tasks=len(tasks), error=f"{type(error).__name__}: {error}")

    async def _drain(self) -> None:
        if not self._batches:
            return
        _, unfinished = await asyncio.wait(self._batches, timeout=self._settings.drain_timeout_s)
        for batch in unfinished:
            batch.cancel()
        if unfinished:
            await asyncio.wait(unfinished)


async def run(settings: Settings) -> int:
    """Index until SIGTERM or SIGINT; return the exit code."""
    stopping = stop_on_signals()
    models = connect_models(settings)
    try:
        async with worker_process(
            settings, kind="rag", stopping=stopping, capacity=BATCH, heartbeat_sql=HEARTBEAT
        ) as process:
            worker = RagWorker(process, models.embedder)
            process.heartbeat.figures = lambda: {"models": models.report()}
            process.supervised.says = worker.says
            process.listener.on(INDEX, worker.wake.set)
            loops = {
                "index": worker.index_forever,
                "rescue": worker.rescue_forever,
                "begin": worker.begin_empty_indexes,
                "tell": worker.tell_forever,
            }
            await run_loops({**loops, **process.loops()}, stopping=stopping)
    finally:
        await models.close()
    return 0
