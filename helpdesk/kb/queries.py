"""Read articles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.kb.commands import ArticleNotFound
from helpdesk.models.kb import Article, ArticleVersion
from helpdesk.models.values import ArticleState, ArticleVisibility


@dataclass(frozen=True)
class ArticleFilter:
    """Which articles are wanted; None takes them all."""

    state: ArticleState | None = None
    visibility: ArticleVisibility | None = None
    category_id: UUID | None = None
    tag: str | None = None
    words: str | None = None


@dataclass(frozen=True)
class ArticleText:
    """An article with the words of one of its versions."""

    id: UUID
    slug: str
    state: ArticleState
    visibility: ArticleVisibility
    category_id: UUID | None
    owner_id: UUID | None
    tags: tuple[str, ...]
    products: tuple[str, ...]
    external_id: str | None
    source_url: str | None
    review_at: date | None
    version: int
    published_version: int | None
    latest_version: int
    created_at: datetime
    updated_at: datetime
    number: int
    title: str
    summary: str
    body: str
    language: str
    author_id: UUID | None
    published_at: datetime | None


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
    statement = _filtered(_with_version(organization_id, _SHOWN), wanted or ArticleFilter())
    if after is not None:
        statement = statement.where(Article.id < after)
    rows = (await session.execute(statement.order_by(Article.id.desc()).limit(limit + 1))).all()
    items = [_text_of(row.Article, row.ArticleVersion) for row in rows[:limit]]
    return ArticlePage(items, items[-1].id if len(rows) > limit else None)


async def article_by_id(
    session: AsyncSession, *, organization_id: UUID, article_id: UUID, number: int | None = None
) -> ArticleText:
    """Return an article with a version of its words; without a number, the published or else the latest one.

    Raises:
        ArticleNotFound: no such article or version.
    """
    statement = _with_version(organization_id, _SHOWN if number is None else number)
    return await _one(session, statement.where(Article.id == article_id))


async def article_by_slug(session: AsyncSession, *, organization_id: UUID, slug: str) -> ArticleText:
    """Return the article of an address with its published or else its latest words.

    Raises:
        ArticleNotFound: no article has this address.
    """
    return await _one(session, _with_version(organization_id, _SHOWN).where(Article.slug == slug))


async def article_by_external_id(
    session: AsyncSession, *, organization_id: UUID, external_id: str
) -> ArticleText | None:
    """Return the article that came under an id of another system with its latest words, None when there is none."""
    statement = _with_version(organization_id, Article.latest_version).where(Article.external_id == external_id)
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else _text_of(row.Article, row.ArticleVersion)


async def versions_of(session: AsyncSession, *, organization_id: UUID, article_id: UUID) -> list[ArticleVersion]:
    """Return every version of an article, newest first."""
    found = await session.scalars(
        select(ArticleVersion)
        .where(ArticleVersion.organization_id == organization_id, ArticleVersion.article_id == article_id)
        .order_by(ArticleVersion.number.desc())
    )
    return list(found)


def _with_version(organization_id: UUID, number: Any) -> Select[Article, ArticleVersion]:
    return (
        select(Article, ArticleVersion)
        .join(ArticleVersion, (ArticleVersion.article_id == Article.id) & (ArticleVersion.number == number))
        .where(Article.organization_id == organization_id, ArticleVersion.organization_id == organization_id)
    )


def _filtered(statement: Select[Article, ArticleVersion], wanted: ArticleFilter) -> Select[Article, ArticleVersion]:
    for column, value in (
        (Article.state, wanted.state),
        (Article.visibility, wanted.visibility),
        (Article.category_id, wanted.category_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if wanted.tag is not None:
        statement = statement.where(Article.tags.contains([wanted.tag]))
    if wanted.words:
        statement = statement.where(ArticleVersion.title.icontains(wanted.words, autoescape=True))
    return statement


async def _one(session: AsyncSession, statement: Select[Article, ArticleVersion]) -> ArticleText:
    row = (await session.execute(statement)).one_or_none()
    if row is None:
        raise ArticleNotFound
    return _text_of(row.Article, row.ArticleVersion)


def _text_of(article: Article, version: ArticleVersion) -> ArticleText:
    return ArticleText(
        id=article.id,
        slug=article.slug,
        state=ArticleState(article.state),
        visibility=ArticleVisibility(article.visibility),
        category_id=article.category_id,
        owner_id=article.owner_id,
        tags=tuple(article.tags),
        products=tuple(article.products),
        external_id=article.external_id,
        source_url=article.source_url,
        review_at=article.review_at,
        version=article.version,
        published_version=article.published_version,
        latest_version=article.latest_version,
        created_at=article.created_at,
        updated_at=article.updated_at,
        number=version.number,
        title=version.title,
        summary=version.summary,
        body=version.body,
        language=version.language,
        author_id=version.author_id,
        published_at=version.published_at,
    )
