"""An installation that lacks nothing: workers, an index, a ticket that is watched, ticks taken and a backup made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.backup.create import create_backup
from helpdesk.backup.manifest import backup_folder
from helpdesk.database.engine import Database
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.claim import HEARTBEAT
from helpdesk.queue.fire import taken_until
from helpdesk.queue.schedule import SCHEDULE
from helpdesk.rag.embedding.models import ensure_active_model
from helpdesk.settings import Settings
from helpdesk.sla.clocks.minute import Minute
from helpdesk.tickets.commands import open_ticket
from tests.database.desk import open_a_desk, vpn_ticket
from workers.lifecycle import worker_process


async def open_watched_ticket(database: Database, organization_id: UUID) -> None:
    """Open a ticket whose clocks run, and let one tick pass."""
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        await open_ticket(
            session,
            organization_id=organization_id,
            new=vpn_ticket(category="security"),
            actor=agent,
            now=datetime.now(UTC),
            settings=database.settings,
        )
    await Minute(database).tick()


async def _quiet(_percent: float, _done: str) -> None:
    pass


@asynccontextmanager
async def healthy(settings: Settings, database: Database, organization_id: UUID) -> AsyncIterator[None]:
    """Have an installation at work inside, with settings whose models answer."""
    models = connect_models(settings)
    await ensure_active_model(database, models.embedder)
    await models.close()
    await open_watched_ticket(database, organization_id)
    folder = backup_folder(settings)
    await create_backup(settings, folder=folder, keep=None, now=datetime.now(UTC), progress=_quiet)
    stopping = asyncio.Event()
    async with AsyncExitStack() as stack:
        for kind in ("job", "rag", "sla"):
            process = await stack.enter_async_context(
                worker_process(
                    settings,
                    kind=kind,
                    stopping=stopping,
                    types=sorted(JOB_TYPES) if kind == "job" else (),
                    heartbeat_sql=HEARTBEAT if kind == "job" else None,
                )
            )
            if kind == "job":
                await taken_until(process.link, [entry.name for entry in SCHEDULE])
        yield
        stopping.set()
