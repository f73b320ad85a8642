"""PUBLISH_ARTICLE: carry out what was planned for an article."""

from __future__ import annotations

from helpdesk.kb.articles.schedule_commands import carry_out_plan
from helpdesk.queue.catalog import PublishArticle
from helpdesk.queue.outcomes import Outcome
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(PublishArticle)
async def publish_article(args: PublishArticle, context: WorkerContext) -> Outcome:
    """Publish or archive the article."""
    return await outcome_of(_carry_out(args, context))


async def _carry_out(args: PublishArticle, context: WorkerContext) -> None:
    async with context.database.transaction(context.organization_id) as session:
        done = await carry_out_plan(
            session,
            organization_id=context.organization_id,
            article_id=args.article_id,
            action=args.action,
            at=args.at,
            now=context.now(),
        )
        await context.complete_in(session, result={"done": done})
