"""BACKFILL_EMBEDDINGS: make the vectors that passages lack, and drop what has been kept long enough."""

from __future__ import annotations

import asyncio

import structlog

from helpdesk.errors import HelpdeskError
from helpdesk.queue.catalog import BackfillEmbeddings
from helpdesk.queue.outcomes import Done, Outcome, Snooze
from helpdesk.rag.indexing.embed_changes import Making
from helpdesk.rag.model_change.backfill import Backfill
from helpdesk.rag.model_change.commands import drop, expired
from workers.context import WorkerContext
from workers.registry import handlers

# Other jobs of the same worker have their turn in between.
_RUN_S = 240.0

log = structlog.get_logger()


@handlers.handles(BackfillEmbeddings)
async def backfill_embeddings(_args: BackfillEmbeddings, context: WorkerContext) -> Outcome:
    """Go on with the walk for a few minutes; what a runtime that is away keeps from being made costs no try."""
    await _drop_expired(context)
    making = Making(context.database, context.models.embedder, asyncio.Lock())
    done = await Backfill(making, now=context.now, tell=context.progress, most_s=_RUN_S).run()
    if done.waits:
        return Snooze(done.retry_s, done.waits)
    return Done({"vectors": done.vectors, "missing": done.missing})


async def _drop_expired(context: WorkerContext) -> None:
    for model_id in await expired(context.database, now=context.now()):
        try:
            model = await drop(context.database, model_id)
        except HelpdeskError as error:
            log.warning("model_not_dropped", model_id=model_id, reason=error.detail)
        else:
            log.info("model_dropped", model=model.name, digest=model.digest[:12])
