"""The job that maintains the index, run by a job worker with the product's own handlers."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy import text

import workers.handlers  # noqa: F401 (registers them)
from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType
from helpdesk.queue.catalog import MaintainIndex
from helpdesk.queue.claim import HEARTBEAT
from helpdesk.queue.enqueue import enqueue
from helpdesk.rag.maintenance.connection import open_maintenance
from helpdesk.settings import Settings
from tests.database.queue.jobs import NO_MODELS
from tests.database.rag.corpus import open_corpus
from workers.lifecycle import worker_process
from workers.registry import handlers
from workers.runner import Runner

_JOB = text("""
    SELECT status, result, coalesce(run_after > now() + interval '1 minute', false) AS waits, attempts
      FROM job_queue WHERE id = :id
""")


async def run(settings: Settings, database: Database, organization_id: UUID, args: MaintainIndex) -> dict[str, Any]:
    """Run one job until it is no longer waiting to be taken, and return its row."""
    async with database.transaction(organization_id) as session:
        job = await enqueue(session, args, organization_id=organization_id)
    stopping = asyncio.Event()
    async with worker_process(settings, kind="job", stopping=stopping, heartbeat_sql=HEARTBEAT) as process:
        running = asyncio.create_task(
            Runner(process, handlers=handlers, models=NO_MODELS, capacity=1, upkeep=False).run()
        )
        try:
            async with asyncio.timeout(30):
                while True:
                    async with database.transaction(organization_id) as session:
                        row = dict((await session.execute(_JOB, {"id": job})).mappings().one())
                    if row["status"] == "completed" or row["waits"]:
                        return row
                    await asyncio.sleep(0.1)
        finally:
            stopping.set()
            await running


async def test_the_job_says_what_it_did(settings: Settings, database: Database, organization_id: UUID) -> None:
    corpus = await open_corpus(database)
    await corpus.add(organization_id, ["printer jam"], source_type=SourceType.TICKET)
    async with database.transaction(organization_id) as session:
        await session.execute(text("UPDATE rag_term_stats SET df = 9"))

    hourly = await run(settings, database, organization_id, MaintainIndex())
    nightly = await run(settings, database, organization_id, MaintainIndex(checks=True))

    nothing = {"built": 0, "rebuilt": 0, "dropped": 0, "swept": 0, "corrected": 0, "low_recall": 0}
    assert hourly["result"] == nothing
    assert nightly["result"] == nothing | {"corrected": 2}


async def test_while_another_run_has_the_index_the_job_waits(
    settings: Settings, database: Database, organization_id: UUID
) -> None:
    async with open_maintenance(settings):
        row = await run(settings, database, organization_id, MaintainIndex())
    # Not failed and not counted as a try: it comes back in some minutes.
    assert (row["status"], row["waits"], row["attempts"]) == ("pending", True, 0)
