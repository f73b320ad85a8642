"""CHANGE_EMBEDDING_MODEL: let the model that was built take the active one's place."""

from __future__ import annotations

from dataclasses import asdict

from helpdesk.errors import Conflict, Unavailable
from helpdesk.queue.catalog import ChangeEmbeddingModel
from helpdesk.queue.outcomes import Cancel, Done, Outcome
from helpdesk.rag.model_change.changing import ModelChange
from workers.context import WorkerContext
from workers.registry import handlers


@handlers.handles(ChangeEmbeddingModel)
async def change_embedding_model(args: ChangeEmbeddingModel, context: WorkerContext) -> Outcome:
    """Make the change, or end with what speaks against it: nobody wants it hours later all of a sudden."""
    change = ModelChange(
        database=context.database,
        embedder=context.models.embedder,
        settings=context.settings,
        now=context.now,
        tell=context.progress,
        reason=args.reason,
    )
    try:
        changed = await change.run()
    except (Conflict, Unavailable) as refusal:
        return Cancel(refusal.detail)
    return Done(
        {
            "model": changed.now_active.name,
            "missing": changed.missing,
            "verdict": changed.verdict and asdict(changed.verdict),
        }
    )
