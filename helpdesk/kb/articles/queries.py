"""Read articles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.kb.articles.review_dates import is_due
from helpdesk.kb.articles.rows import ArticleNotFound
from helpdesk.kb.articles.text import ArticleText, text_of
from helpdesk.models.accounts import Category
from helpdesk.models.kb import Article, ArticleEvent, ArticleVersion
from helpdesk.models.values import ArticleState, ArticleVisibility

__all__ = [
    "ArticleFilter",
    "ArticlePage",
    "ArticleText",
    "article_by_external_id",
    "article_by_id",
    "article_by_slug",
    "history_of",
    "list_articles",
    "versions_of",
]

_MOST_WORDS = 10


@dataclass(frozen=True)
class ArticleFilter:
    """Which articles are wanted; None takes them all.

    Attributes:
        category: a slug.
        words: each of these occurs in the title, the summary or the body.
        due_on: the day on which they are due for review.
        in_review: whether a version waits for a verdict.
        published_only: whether those that readers do not see are left out, whatever `state` says.
    """

    state: ArticleState | None = None
    visibility: ArticleVisibility | None = None
    category_id: UUID | None = None
    category: str | None = None
    tag: str | None = None
    product: str | None = None
    language: str | None = None
    owner_id: UUID | None = None
    words: str | None = None
    due_on: date | None = None
    in_review: bool | None = None
    published_only: bool = False


@dataclass(frozen=True)
class ArticlePage:
    """A page of articles, newest first; `next_after` asks for the next one, None when this is the last."""

    items: list[ArticleText]
    next_after: UUID | None


# What a list or a reader shows: the published words, or the latest draft of what is not published.
_SHOWN = func.coalesce(Article.published_version, Article.latest_version)


async def list_articles(
    session: AsyncSession,
    *,
    organization_id: UUID,
    wanted: ArticleFilter | None = None,
    limit: int = 50,
    after: UUID | None = None,
) -> ArticlePage:
    """Return a page of articles, newest first, each with the words its readers see.

    Args:
        after: the `next_after` of the page before; articles that come meanwhile shift nothing.
    """
    statement = _filtered(_with_version(organization_id, _SHOWN), wanted or ArticleFilter(), organization_id)
    if after is not None:
        statement = statement.where(Article.id < after)
    rows = (await session.execute(statement.order_by(Article.id.desc()).limit(limit + 1))).all()
    items = [text_of(row.Article, row.ArticleVersion) for row in rows[:limit]]
    return ArticlePage(items, items[-1].id if len(rows) > limit else None)


async def article_by_id(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    number: int | None = None,
    published_only: bool = False,
) -> ArticleText:
    """Return an article with a version of its words; without a number, the published or else the latest one.

    Args:
        published_only: whether an article or version that readers do not see counts as missing.

    Raises:
        ArticleNotFound: no such article or version.
    """
    statement = _with_version(organization_id, _SHOWN if number is None else number)
    return await _one(session, statement.where(Article.id == article_id), published_only=published_only)


async def article_by_slug(
    session: AsyncSession,
    *,
    organization_id: UUID,
    slug: str,
    number: int | None = None,
    published_only: bool = False,
) -> ArticleText:
    """Return the article of an address, see `article_by_id`.

    Raises:
        ArticleNotFound: no article has this address, or it has no such version.
    """
    statement = _with_version(organization_id, _SHOWN if number is None else number)
    return await _one(session, statement.where(Article.slug == slug), published_only=published_only)


async def article_by_external_id(
    session: AsyncSession, *, organization_id: UUID, external_id: str
) -> ArticleText | None:
    """Return the article that came under an id of another system with its latest words, None when there is none."""
    statement = _with_version(organization_id, Article.latest_version).where(Article.external_id == external_id)
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else text_of(row.Article, row.ArticleVersion)


async def latest_by_slug(session: AsyncSession, *, organization_id: UUID, slug: str) -> ArticleText | None:
    """Return the article of an address with its latest words, None when there is none."""
    statement = _with_version(organization_id, Article.latest_version).where(Article.slug == slug)
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else text_of(row.Article, row.ArticleVersion)


async def versions_of(session: AsyncSession, *, organization_id: UUID, article_id: UUID) -> list[ArticleVersion]:
    """Return every version of an article, newest first."""
    found = await session.scalars(
        select(ArticleVersion)
        .where(ArticleVersion.organization_id == organization_id, ArticleVersion.article_id == article_id)
        .order_by(ArticleVersion.number.desc())
    )
    return list(found)


async def history_of(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    limit: int = 50,
    after: UUID | None = None,
) -> list[ArticleEvent]:
    """Return the steps of an article, newest first.

    Args:
        after: the id of the last step of the page before.
    """
    statement = select(ArticleEvent).where(
        ArticleEvent.organization_id == organization_id, ArticleEvent.article_id == article_id
    )
    if after is not None:
        statement = statement.where(ArticleEvent.id < after)
    return list(await session.scalars(statement.order_by(ArticleEvent.id.desc()).limit(limit)))


def _with_version(organization_id: UUID, number: Any) -> Select[Article, ArticleVersion]:
    return (
        select(Article, ArticleVersion)
        .join(ArticleVersion, (ArticleVersion.article_id == Article.id) & (ArticleVersion.number == number))
        .where(Article.organization_id == organization_id, ArticleVersion.organization_id == organization_id)
    )


def _filtered(
    statement: Select[Article, ArticleVersion], wanted: ArticleFilter, organization_id: UUID
) -> Select[Article, ArticleVersion]:
    for column, value in (
        (Article.state, wanted.state),
        (Article.visibility, wanted.visibility),
        (Article.category_id, wanted.category_id),
        (Article.owner_id, wanted.owner_id),
        (ArticleVersion.language, wanted.language),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.category is not None:
        of_slug = select(Category.id).where(
            Category.organization_id == organization_id, Category.slug == wanted.category
        )
        statement = statement.where(Article.category_id.in_(of_slug))
    if wanted.tag is not None:
        statement = statement.where(Article.tags.contains([wanted.tag]))
    if wanted.product is not None:
        statement = statement.where(Article.products.contains([wanted.product]))
    if wanted.due_on is not None:
        statement = statement.where(is_due(wanted.due_on))
    if wanted.published_only:
        statement = statement.where(Article.state == ArticleState.PUBLISHED)
    if wanted.in_review is not None:
        statement = statement.where(Article.review_version.is_not(None) == wanted.in_review)
    return _with_words(statement, wanted.words or "")


def _with_words(statement: Select[Article, ArticleVersion], words: str) -> Select[Article, ArticleVersion]:
    for word in words.split()[:_MOST_WORDS]:
        statement = statement.where(
            ArticleVersion.title.icontains(word, autoescape=True)
            | ArticleVersion.summary.icontains(word, autoescape=True)
            | ArticleVersion.body.icontains(word, autoescape=True)
        )
    return statement


async def _one(
    session: AsyncSession, statement: Select[Article, ArticleVersion], *, published_only: bool
) -> ArticleText:
    if published_only:
        statement = statement.where(
            Article.state == ArticleState.PUBLISHED, ArticleVersion.number == Article.published_version
        )
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise ArticleNotFound
    return text_of(row.Article, row.ArticleVersion)
