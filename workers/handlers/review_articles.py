"""REVIEW_ARTICLES: tell owners what is due, and take up plans whose job was lost."""

from __future__ import annotations

from helpdesk.kb.articles.review_dates import remind_owners
from helpdesk.kb.articles.schedule_commands import ask_for_late
from helpdesk.queue.catalog import ReviewArticles
from helpdesk.queue.outcomes import Outcome
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(ReviewArticles)
async def review_articles(_args: ReviewArticles, context: WorkerContext) -> Outcome:
    """Tell the owners."""
    return await outcome_of(_review(context))


async def _review(context: WorkerContext) -> None:
    organization_id, now, total = context.organization_id, context.now(), 0
    while True:
        async with context.database.transaction(organization_id) as session:
            told = await remind_owners(session, organization_id=organization_id, now=now)
            total += told
            if told == 0:
                late = await ask_for_late(session, organization_id=organization_id, now=now)
                await context.complete_in(session, result={"told": total, "late_plans": late})
                return
