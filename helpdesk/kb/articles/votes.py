"""What readers say of an article: whether it helped, each of them once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.kb.articles.rows import ArticleNotFound
from helpdesk.models.kb import Article, ArticleVote
from helpdesk.models.values import ArticleState


@dataclass(frozen=True)
class Votes:
    """How many readers an article helped, and how many not; those who read an older version are among them."""

    helpful: int
    not_helpful: int


async def vote(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    user_id: UUID,
    helpful: bool,
    now: datetime,
    comment: str = "",
) -> Votes:
    """Store what a reader says of the published words, in place of what they said before; return the counts then.

    Raises:
        ArticleNotFound: there is no such article, or it is not published.
    """
    number = await session.scalar(
        select(Article.published_version).where(
            Article.organization_id == organization_id,
            Article.id == article_id,
            Article.state == ArticleState.PUBLISHED,
        )
    )
    if number is None:
        raise ArticleNotFound
    said = {"number": number, "helpful": helpful, "comment": comment, "updated_at": now}
    row = {"id": new_id(), "organization_id": organization_id, "article_id": article_id, "user_id": user_id}
    statement = insert(ArticleVote).values(created_at=now, **row, **said)
    await session.execute(
        statement.on_conflict_do_update(index_elements=[ArticleVote.article_id, ArticleVote.user_id], set_=said)
    )
    return await votes_of(session, organization_id=organization_id, article_id=article_id)


async def votes_of(session: AsyncSession, *, organization_id: UUID, article_id: UUID) -> Votes:
    """Return the counts of an article."""
    row = (
        await session.execute(
            select(
                func.count().filter(ArticleVote.helpful).label("helpful"),
                func.count().filter(~ArticleVote.helpful).label("not_helpful"),
            ).where(ArticleVote.organization_id == organization_id, ArticleVote.article_id == article_id)
        )
    ).one()
    return Votes(row.helpful, row.not_helpful)


async def comments_on(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    limit: int = 50,
    after: UUID | None = None,
) -> list[ArticleVote]:
    """Return what readers said, the latest voters first; `after` is the id of the last one of the page before."""
    statement = select(ArticleVote).where(
        ArticleVote.organization_id == organization_id, ArticleVote.article_id == article_id
    )
    if after is not None:
        statement = statement.where(ArticleVote.id < after)
    return list(await session.scalars(statement.order_by(ArticleVote.id.desc()).limit(limit)))
