"""Two published queues on PostgreSQL for Python, through their own public calls."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import Any

import asyncpg
from queue_systems.measure import Hit


class Pgqueuer:
    """pgqueuer with its asyncpg driver."""

    unfinished = "EXISTS (SELECT 1 FROM pgqueuer WHERE status IN ('queued', 'picked'))"
    share = 1.0

    def __init__(self, batch: int) -> None:
        self.name = f"pgqueuer, batch {batch}"
        self._batch = batch
        self._url = ""
        self._connection: asyncpg.Connection | None = None
        self._queries: Any = None

    async def install(self, url: str) -> None:
        """Install its schema."""
        from pgqueuer.db import AsyncpgDriver  # noqa: PLC0415 (an optional extra)
        from pgqueuer.queries import Queries  # noqa: PLC0415

        logging.getLogger("pgqueuer").setLevel(logging.ERROR)
        self._url = url
        self._connection = await asyncpg.connect(url)
        self._queries = Queries(AsyncpgDriver(self._connection))
        await self._queries.install()

    async def empty(self) -> None:
        """Leave its tables as new."""
        assert self._connection is not None
        await self._connection.execute("TRUNCATE pgqueuer, pgqueuer_log")

    async def enqueue(self, number: int) -> None:
        """Enqueue one job."""
        await self._queries.enqueue("nothing", str(number).encode())

    async def enqueue_bulk(self, first: int, count: int) -> None:
        """Enqueue in one call."""
        payloads = [str(number).encode() for number in range(first, first + count)]
        await self._queries.enqueue(["nothing"] * count, payloads, [0] * count)

    async def work(self, stopping: asyncio.Event, hit: Hit) -> None:
        """Run its worker on one connection."""
        from pgqueuer import PgQueuer  # noqa: PLC0415
        from pgqueuer.db import AsyncpgDriver  # noqa: PLC0415

        connection = await asyncpg.connect(self._url)
        worker = PgQueuer(AsyncpgDriver(connection))

        @worker.entrypoint("nothing")
        async def nothing(job: Any) -> None:
            hit(int(job.payload))

        running = asyncio.create_task(worker.run(batch_size=self._batch, dequeue_timeout=timedelta(seconds=5)))
        await stopping.wait()
        worker.shutdown.set()
        with suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(running, 8)
        await connection.close()

    async def close(self) -> None:
        """Close the enqueuing connection."""
        assert self._connection is not None
        await self._connection.close()


class Procrastinate:
    """procrastinate with its psycopg connector."""

    name = "procrastinate"
    unfinished = "EXISTS (SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))"
    # At some hundred jobs per second, as many as the others drain would take minutes.
    share = 0.1

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._app: Any = None
        self._task: Any = None
        self._hit: Hit | None = None

    async def install(self, url: str) -> None:
        """Install its schema."""
        import procrastinate  # noqa: PLC0415 (an optional extra)

        logging.getLogger("procrastinate").setLevel(logging.ERROR)
        connector = procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=max(8, self._concurrency // 2))
        self._app = procrastinate.App(connector=connector)

        @self._app.task(name="nothing", queue="bench")
        async def nothing(number: int) -> None:
            assert self._hit is not None
            self._hit(number)

        self._task = nothing
        await self._app.open_async()
        await self._app.schema_manager.apply_schema_async()

    async def empty(self) -> None:
        """Leave its tables as new."""
        tables = "procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers"
        await self._app.connector.execute_query_async(f"TRUNCATE {tables}")

    async def enqueue(self, number: int) -> None:
        """Enqueue one job."""
        await self._task.defer_async(number=number)

    async def enqueue_bulk(self, first: int, count: int) -> None:
        """Enqueue in one call."""
        await self._task.batch_defer_async(*[{"number": number} for number in range(first, first + count)])

    async def work(self, stopping: asyncio.Event, hit: Hit) -> None:
        """Run its worker."""
        self._hit = hit
        running = asyncio.create_task(
            self._app.run_worker_async(
                queues=["bench"], concurrency=self._concurrency, listen_notify=True, install_signal_handlers=False
            )
        )
        await stopping.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    async def close(self) -> None:
        """Close its pool."""
        await self._app.close_async()
