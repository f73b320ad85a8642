"""CLEAN_UP: remove what is past its retention, for every organisation."""

from __future__ import annotations

from datetime import timedelta

from helpdesk.ai.runs.retention import PRUNE_RUNS
from helpdesk.asking.retention import PRUNE_QUESTIONS
from helpdesk.attachments.orphans import sweep_orphans
from helpdesk.kb.gaps.retention import PRUNE_GAP_MEMBERS, PRUNE_UNANSWERED
from helpdesk.notifications.retention import PRUNE_NOTICE_DELIVERIES, PRUNE_NOTIFICATIONS
from helpdesk.notifications.webhooks.publishing import PRUNE_DELIVERIES
from helpdesk.queue.catalog import CleanUp
from helpdesk.queue.clean_up import clean_up
from helpdesk.queue.outcomes import Done, Outcome
from helpdesk.queue.retention import Retention
from helpdesk.rag.embedding.retention import PRUNE_INPUT_VECTORS
from helpdesk.sla.prediction.retention import PRUNE_PREDICTIONS
from helpdesk.storage import Storage
from workers.context import WorkerContext
from workers.registry import handlers

# Of the time the job may take; what is left goes to the bite in hand.
_SHARE = 0.8


@handlers.handles(CleanUp)
async def clean(args: CleanUp, context: WorkerContext) -> Outcome:
    """Clean up; what does not fit into the time is left to the next one."""
    kept = Retention.of(context.settings)
    unanswered_for = timedelta(days=context.settings.keep_unanswered_days)
    storage = Storage(context.settings)
    swept = await clean_up(
        context.database,
        storage,
        kept=kept,
        now=context.now(),
        most_s=args.timeout_s * _SHARE,
        tell=context.progress,
        also=[
            ("deliveries", PRUNE_DELIVERIES, kept.failed),
            ("notifications", PRUNE_NOTIFICATIONS, kept.failed),
            ("notices", PRUNE_NOTICE_DELIVERIES, kept.failed),
            ("predictions", PRUNE_PREDICTIONS, kept.failed),
            ("unanswered", PRUNE_UNANSWERED, unanswered_for),
            ("gap members", PRUNE_GAP_MEMBERS, unanswered_for),
            ("vectors", PRUNE_INPUT_VECTORS, timedelta(days=context.settings.keep_vectors_days)),
            ("runs", PRUNE_RUNS, timedelta(days=context.settings.keep_ai_runs_days)),
            ("questions", PRUNE_QUESTIONS, timedelta(days=context.settings.keep_questions_days)),
        ],
    )
    # Files of attachments whose row was never written, or is gone.
    swept.removed["attachments"] = await sweep_orphans(context.database, storage, now=context.now())
    return Done(swept.as_result())
