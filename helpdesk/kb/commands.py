"""Write articles: every change of words is a new version, and readers see the published one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.kb.slugs import slug_of
from helpdesk.models.kb import Article, ArticleVersion
from helpdesk.models.values import ArticleState, ArticleVisibility, SourceType
from helpdesk.rag.indexing.requests import request_index


class ArticleNotFound(NotFound):
    """There is no such article."""


class ArticleChanged(Conflict):
    """Somebody else has changed the article in the meantime."""


class ArticleEmpty(Invalid):
    """An article needs a title and words."""


class SlugTaken(Conflict):
    """Another article has this address."""


@dataclass(frozen=True)
class NewArticle:
    """A draft as its author hands it in; the body is Markdown."""

    title: str
    body: str
    summary: str = ""
    language: str = "en"
    visibility: ArticleVisibility = ArticleVisibility.PUBLIC
    slug: str | None = None
    category_id: UUID | None = None
    owner_id: UUID | None = None
    tags: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    external_id: str | None = None
    source_url: str | None = None
    review_at: date | None = None


@dataclass(frozen=True)
class ArticleChanges:
    """What changes; None leaves a field as it is. Changed words make a new version."""

    title: str | None = None
    body: str | None = None
    summary: str | None = None
    language: str | None = None
    visibility: ArticleVisibility | None = None
    category_id: UUID | None = None
    owner_id: UUID | None = None
    tags: tuple[str, ...] | None = None
    products: tuple[str, ...] | None = None
    source_url: str | None = None
    review_at: date | None = None


_OF_VERSION = ("title", "body", "summary", "language")
_OF_ARTICLE = ("visibility", "category_id", "owner_id", "tags", "products", "source_url", "review_at")


async def create_article(
    session: AsyncSession, *, organization_id: UUID, new: NewArticle, author_id: UUID | None, now: datetime
) -> Article:
    """Write the first version of an article; nobody but its authors sees it until it is published.

    Raises:
        ArticleEmpty: no title or no words.
        SlugTaken: the slug asked for is another article's.
    """
    _refuse_empty(new.title, new.body)
    identifier = new_id()
    article = Article(
        id=identifier,
        organization_id=organization_id,
        slug=await _free_slug(session, organization_id=organization_id, new=new, identifier=identifier),
        state=ArticleState.DRAFT,
        visibility=new.visibility,
        category_id=new.category_id,
        owner_id=new.owner_id or author_id,
        tags=list(new.tags),
        products=list(new.products),
        external_id=new.external_id,
        source_url=new.source_url,
        review_at=new.review_at,
        latest_version=1,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(article)
    await session.flush()
    await _add_version(session, article=article, number=1, words=_words_of(new), author_id=author_id, now=now)
    await _index(session, article)
    return article


async def update_article(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    changes: ArticleChanges,
    author_id: UUID | None,
    now: datetime,
    expected_version: int | None = None,
) -> Article:
    """Change an article; new words wait as the latest version until they are published.

    Args:
        expected_version: the article's `version` as the author last saw it.

    Raises:
        ArticleNotFound, ArticleEmpty: no such article, or nothing left of it.
        ArticleChanged: it has another version by now.
    """
    article = await _locked(session, organization_id=organization_id, article_id=article_id)
    if expected_version is not None and article.version != expected_version:
        raise ArticleChanged(f"The article is at version {article.version}.", version=article.version)
    latest = await _version(session, article=article, number=article.latest_version)
    before = {name: getattr(latest, name) for name in _OF_VERSION}
    words = {name: before[name] if (new := getattr(changes, name)) is None else new for name in _OF_VERSION}
    _refuse_empty(words["title"], words["body"])
    if words != before:
        article.latest_version += 1
        await _add_version(
            session, article=article, number=article.latest_version, words=words, author_id=author_id, now=now
        )
    for name in _OF_ARTICLE:
        if (value := getattr(changes, name)) is not None:
            setattr(article, name, list(value) if isinstance(value, tuple) else value)
    await _touch(session, article, now=now)
    return article


async def publish_article(
    session: AsyncSession, *, organization_id: UUID, article_id: UUID, now: datetime, number: int | None = None
) -> Article:
    """Let readers see a version, the latest one when no number is given.

    Raises:
        ArticleNotFound: no such article or version.
    """
    article = await _locked(session, organization_id=organization_id, article_id=article_id)
    version = await _version(session, article=article, number=number or article.latest_version)
    article.state = ArticleState.PUBLISHED
    article.published_version = version.number
    await session.execute(
        update(ArticleVersion)
        .where(ArticleVersion.organization_id == organization_id, ArticleVersion.id == version.id)
        .where(ArticleVersion.published_at.is_(None))
        .values(published_at=now)
    )
    await _touch(session, article, now=now)
    return article


async def archive_article(session: AsyncSession, *, organization_id: UUID, article_id: UUID, now: datetime) -> Article:
    """Take an article away from readers and from the index; its versions stay.

    Raises:
        ArticleNotFound: no such article.
    """
    article = await _locked(session, organization_id=organization_id, article_id=article_id)
    article.state = ArticleState.ARCHIVED
    article.published_version = None
    await _touch(session, article, now=now)
    return article


def _refuse_empty(title: str, body: str) -> None:
    if not title.strip() or not body.strip():
        raise ArticleEmpty


def _words_of(new: NewArticle) -> dict[str, Any]:
    return {name: getattr(new, name) for name in _OF_VERSION}


async def _free_slug(session: AsyncSession, *, organization_id: UUID, new: NewArticle, identifier: UUID) -> str:
    wanted = slug_of(new.slug or new.title, fallback=f"article-{identifier.hex[-8:]}")
    taken = set(
        await session.scalars(
            select(Article.slug).where(
                Article.organization_id == organization_id,
                (Article.slug == wanted) | Article.slug.startswith(f"{wanted}-", autoescape=True),
            )
        )
    )
    if wanted not in taken:
        return wanted
    if new.slug is not None:
        raise SlugTaken(f"Another article has the address {wanted}.", slug=wanted)
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


async def _add_version(
    session: AsyncSession,
    *,
    article: Article,
    number: int,
    words: dict[str, Any],
    author_id: UUID | None,
    now: datetime,
) -> None:
    session.add(
        ArticleVersion(
            organization_id=article.organization_id,
            article_id=article.id,
            number=number,
            author_id=author_id,
            created_at=now,
            **words,
        )
    )
    await session.flush()


async def _locked(session: AsyncSession, *, organization_id: UUID, article_id: UUID) -> Article:
    article = await session.scalar(
        select(Article)
        .where(Article.organization_id == organization_id, Article.id == article_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if article is None:
        raise ArticleNotFound(f"There is no article {article_id}.")
    return article


async def _version(session: AsyncSession, *, article: Article, number: int) -> ArticleVersion:
    version = await session.scalar(
        select(ArticleVersion).where(
            ArticleVersion.organization_id == article.organization_id,
            ArticleVersion.article_id == article.id,
            ArticleVersion.number == number,
        )
    )
    if version is None:
        raise ArticleNotFound(f"The article has no version {number}.")
    return version


async def _touch(session: AsyncSession, article: Article, *, now: datetime) -> None:
    article.version += 1
    article.updated_at = now
    await session.flush()
    await _index(session, article)


async def _index(session: AsyncSession, article: Article) -> None:
    await request_index(
        session, organization_id=article.organization_id, source_type=SourceType.KB, source_id=article.id
    )
