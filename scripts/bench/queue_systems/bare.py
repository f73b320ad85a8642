"""The bound: a bare asyncpg loop over the design's table, with nothing around it.

The full table, its history, its fencing, and claims and completions of up to 100; no heartbeat, no timeouts, no
wake-ups but a set event, no upkeep, no limits, no fairness.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
from queue_systems.measure import Hit

from helpdesk.database.base import new_id

_TABLES = """
CREATE TABLE bare_queue (
    id uuid PRIMARY KEY, organization_id uuid NOT NULL, job_type text NOT NULL, payload jsonb NOT NULL,
    status text NOT NULL DEFAULT 'pending', priority text NOT NULL DEFAULT 'normal', locked_by uuid,
    locked_at timestamptz, run_after timestamptz NOT NULL DEFAULT now(), retry_count int NOT NULL DEFAULT 0,
    last_error text, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    lane smallint GENERATED ALWAYS AS (CASE priority WHEN 'high' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END) STORED,
    lease bigint NOT NULL DEFAULT 0, attempts int NOT NULL DEFAULT 0, unique_key text, limit_key text, limit_slot int,
    finished_at timestamptz,
    claimable boolean GENERATED ALWAYS AS (status = 'pending' AND limit_key IS NULL) STORED
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);
CREATE TABLE bare_events (id bigint GENERATED ALWAYS AS IDENTITY, job_id uuid NOT NULL, event text NOT NULL,
    attempt int, worker uuid, created_at timestamptz NOT NULL DEFAULT now()) PARTITION BY RANGE (created_at);
CREATE TABLE bare_events_all PARTITION OF bare_events DEFAULT;
CREATE INDEX ON bare_events (job_id, id);
CREATE INDEX ON bare_queue (lane, run_after, id) WHERE claimable;
CREATE INDEX ON bare_queue (organization_id, lane, run_after, id) WHERE claimable;
CREATE INDEX ON bare_queue (locked_at) WHERE status = 'running';
CREATE INDEX ON bare_queue (status, run_after) WHERE status <> 'completed';
CREATE INDEX ON bare_queue (finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX ON bare_queue (job_type, unique_key)
    WHERE unique_key IS NOT NULL AND status IN ('pending', 'running');
CREATE UNIQUE INDEX ON bare_queue (limit_key, limit_slot) WHERE status = 'running' AND limit_key IS NOT NULL;
"""
_ENQUEUE = """
WITH new AS (
    INSERT INTO bare_queue (id, organization_id, job_type, payload)
    SELECT id, $3, 'nothing', payload FROM unnest($1::uuid[], $2::jsonb[]) AS job (id, payload) RETURNING id)
INSERT INTO bare_events (job_id, event) SELECT id, 'enqueued' FROM new
"""
_CLAIM = """
WITH found AS MATERIALIZED (
    SELECT job.id, job.run_after + lane.behind AS due
      FROM (VALUES (0::smallint, interval '0'), (1::smallint, interval '60 s'), (2::smallint, interval '300 s'))
           AS lane (number, behind)
     CROSS JOIN LATERAL (
           SELECT id, run_after FROM bare_queue
            WHERE claimable AND bare_queue.lane = lane.number AND run_after <= now()
            ORDER BY run_after, id LIMIT $1 FOR UPDATE SKIP LOCKED) AS job),
best AS MATERIALIZED (SELECT id FROM found ORDER BY due, id LIMIT $1),
taken AS (
    UPDATE bare_queue AS j
       SET status = 'running', locked_by = $2, locked_at = now(), updated_at = now(), attempts = j.attempts + 1,
           lease = j.lease + 1
     WHERE j.id = ANY (ARRAY(SELECT id FROM best)) RETURNING j.id, j.lease, j.attempts, j.payload),
event AS (INSERT INTO bare_events (job_id, event, attempt, worker) SELECT id, 'started', attempts, $2 FROM taken)
SELECT id, lease, payload FROM taken
"""
_COMPLETE = """
WITH done AS (
    UPDATE bare_queue AS j
       SET status = 'completed', finished_at = now(), updated_at = now(), locked_by = NULL, locked_at = NULL
     WHERE j.id = ANY ($1::uuid[]) AND j.lease = ($2::jsonb ->> j.id::text)::bigint AND j.locked_by = $3
    RETURNING j.id, j.attempts),
event AS (INSERT INTO bare_events (job_id, event, attempt, worker) SELECT id, 'completed', attempts, $3 FROM done)
SELECT id FROM done
"""
_CLAIMED_AT_ONCE = 100
_COMPLETED_AT_ONCE = 500


class Bare:
    """One claimer, one completer, a queue between them."""

    name = "bare loop"
    unfinished = "EXISTS (SELECT 1 FROM bare_queue WHERE status IN ('pending', 'running'))"
    share = 1.0

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._organization = new_id()
        self._wake = asyncio.Event()
        self._enqueuing: asyncpg.Connection | None = None
        self._url = ""

    async def install(self, url: str) -> None:
        """Make the design's tables."""
        self._url = url
        self._enqueuing = await asyncpg.connect(url)
        await self._enqueuing.execute(_TABLES)

    async def empty(self) -> None:
        """Leave the tables as new."""
        assert self._enqueuing is not None
        await self._enqueuing.execute("TRUNCATE bare_queue, bare_events")

    async def enqueue(self, number: int) -> None:
        """Enqueue one job."""
        await self.enqueue_bulk(number, 1)

    async def enqueue_bulk(self, first: int, count: int) -> None:
        """Enqueue in one statement."""
        assert self._enqueuing is not None
        payloads = [f'{{"n": {number}}}' for number in range(first, first + count)]
        await self._enqueuing.execute(_ENQUEUE, [new_id() for _ in payloads], payloads, self._organization)
        self._wake.set()

    async def work(self, stopping: asyncio.Event, hit: Hit) -> None:
        """Claim up to 100, run handlers in tasks, complete what has ended."""
        me, slots = new_id(), asyncio.Semaphore(self._concurrency)
        finished: asyncio.Queue[tuple[UUID, int]] = asyncio.Queue()
        claiming, settling = await asyncpg.connect(self._url), await asyncpg.connect(self._url)
        settler = asyncio.create_task(_complete_forever(settling, me, finished))
        running: set[asyncio.Task[None]] = set()

        async def handle(job: Any) -> None:
            try:
                hit(json.loads(job["payload"])["n"])
                finished.put_nowait((job["id"], job["lease"]))
            finally:
                slots.release()

        while not stopping.is_set():
            self._wake.clear()
            jobs = await claiming.fetch(_CLAIM, _CLAIMED_AT_ONCE, me)
            for job in jobs:
                await slots.acquire()
                task = asyncio.create_task(handle(job))
                running.add(task)
                task.add_done_callback(running.discard)
            if not jobs:
                await _set_or(self._wake, 0.2)
        while running or not finished.empty():  # noqa: ASYNC110 (the last few, at the end of a measurement)
            await asyncio.sleep(0.01)
        settler.cancel()
        await asyncio.wait({settler})
        await claiming.close()
        await settling.close()

    async def close(self) -> None:
        """Close the enqueuing connection."""
        assert self._enqueuing is not None
        await self._enqueuing.close()


async def _set_or(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


async def _complete_forever(
    connection: asyncpg.Connection, me: UUID, finished: asyncio.Queue[tuple[UUID, int]]
) -> None:
    while True:
        batch = [await finished.get()]
        while not finished.empty() and len(batch) < _COMPLETED_AT_ONCE:
            batch.append(finished.get_nowait())
        batch.sort()
        leases = json.dumps({str(job): lease for job, lease in batch})
        await asyncio.shield(connection.fetch(_COMPLETE, [job for job, _ in batch], leases, me))
