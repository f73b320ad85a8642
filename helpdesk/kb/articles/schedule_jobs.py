"""The jobs behind what is planned for an article: one each, made and dropped in the transaction that plans."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.kb import Article
from helpdesk.queue.catalog import PublishArticle
from helpdesk.queue.commands import cancel
from helpdesk.queue.enqueue import enqueue

# A running one is left alone: it finds that its plan is gone.
_PENDING = text("""
    SELECT id FROM job_queue
     WHERE organization_id = :organization_id AND job_type = :job_type AND unique_key = :unique_key
       AND status = 'pending'
""")


async def plan_publication(session: AsyncSession, article: Article, *, at: datetime, number: int) -> None:
    """Have a version of an article published at a time, in place of what was planned before."""
    await drop_publication(session, article)
    article.publish_at, article.publish_version = at, number
    await ask(session, article, action="publish", at=at)


async def plan_archiving(session: AsyncSession, article: Article, *, at: datetime) -> None:
    """Have an article archived at a time, in place of what was planned before."""
    await drop_archiving(session, article)
    article.archive_at = at
    await ask(session, article, action="archive", at=at)


async def drop_publication(session: AsyncSession, article: Article) -> None:
    """Drop the planned publication of an article, if there is one."""
    if article.publish_at is not None:
        await _drop(session, article, action="publish", at=article.publish_at)
        article.publish_at = article.publish_version = None


async def drop_archiving(session: AsyncSession, article: Article) -> None:
    """Drop the planned archiving of an article, if there is one."""
    if article.archive_at is not None:
        await _drop(session, article, action="archive", at=article.archive_at)
        article.archive_at = None


async def ask(session: AsyncSession, article: Article, *, action: Literal["publish", "archive"], at: datetime) -> None:
    """Enqueue the job that carries out a plan at its time, unless it waits already."""
    args = PublishArticle(article_id=article.id, action=action, at=at)
    await enqueue(
        session, args, organization_id=article.organization_id, run_after=at, unique_key=_key(article, action, at)
    )


async def _drop(
    session: AsyncSession, article: Article, *, action: Literal["publish", "archive"], at: datetime
) -> None:
    values = {
        "organization_id": article.organization_id,
        "job_type": PublishArticle.job_type,
        "unique_key": _key(article, action, at),
    }
    waiting = (await session.execute(_PENDING, values)).scalar_one_or_none()
    if waiting is not None:
        await cancel(
            session, organization_id=article.organization_id, job_id=waiting, reason="the plan for the article changed"
        )


def _key(article: Article, action: str, at: datetime) -> str:
    return f"{action}:{article.id}:{at.astimezone(UTC).isoformat()}"
