"""What one API process holds open for all its requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from api.asking_slots import AskingSlots
from api.component_states import ComponentStates
from api.event_watch import EventWatch
from api.loop_lag import loop_watched
from api.overviews import Overviews
from api.release import release
from api.visit_rate import VisitRate
from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.database.engine import Database
from helpdesk.observability.metrics.serving import serve_metrics
from helpdesk.queue.wake import WakeUp
from helpdesk.rag.embedding.vectors import QueryVectors
from helpdesk.settings import Settings

log = structlog.get_logger(__name__)
_MOST_JOB_STREAMS = 32
# Of one address; behind a proxy that does not pass it on, of all together.
_VISITS_PER_MINUTE = 60


@dataclass(frozen=True)
class Services:
    """The open connections of one API process."""

    settings: Settings
    database: Database
    models: ConnectedModels
    query_vectors: QueryVectors
    events: EventWatch
    states: ComponentStates
    overviews: Overviews
    # Each stream of jobs looks at the database every second.
    job_streams: asyncio.Semaphore
    asking: AskingSlots
    # Of those who come by a link, without an account.
    visits: VisitRate


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Connect, and close everything again in the opposite order."""
    async with AsyncExitStack() as stack:
        stack.callback(serve_metrics(settings.metrics_listen, service="api", version=release()))
        await stack.enter_async_context(loop_watched())
        database = Database(settings, application="api")
        stack.push_async_callback(_close, database)
        await database.ping()
        log.info("connected_to_database")
        models = connect_models(settings, database=database)
        stack.push_async_callback(models.close)
        # While it is open, every transaction of this process that enqueues something wakes the workers.
        await stack.enter_async_context(WakeUp(settings, application="api"))
        yield Services(
            settings=settings,
            database=database,
            models=models,
            query_vectors=QueryVectors(models.embedder),
            events=await stack.enter_async_context(EventWatch(database)),
            states=ComponentStates(database, models),
            overviews=Overviews(),
            job_streams=asyncio.Semaphore(_MOST_JOB_STREAMS),
            asking=AskingSlots(slots=settings.ask_concurrency, per_minute=settings.ask_per_minute),
            visits=VisitRate(per_minute=_VISITS_PER_MINUTE),
        )


async def _close(database: Database) -> None:
    await database.close()
    log.info("database_connection_closed")
