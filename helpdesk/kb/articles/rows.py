"""An article's rows: found and locked, its history kept, its changes passed on to the index."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.kb.articles.lifecycle import Editor, Standing
from helpdesk.models.accounts import User
from helpdesk.models.kb import Article, ArticleEvent, ArticleVersion
from helpdesk.models.values import ArticleEventKind, ArticleState, SourceType
from helpdesk.rag.indexing.requests import request_index

# Nobody in particular: a part of the product, or whoever works on the host.
INSTALLATION = Editor()


class ArticleNotFound(NotFound):
    """There is no such article."""


class ArticleChanged(Conflict):
    """Somebody else has changed the article in the meantime."""


class EditorUnknown(Invalid):
    """Whoever owns or reviews an article is an active user of the organisation."""


async def locked(
    session: AsyncSession, *, organization_id: UUID, article_id: UUID, expected_version: int | None = None
) -> Article:
    """Return an article that nobody else changes until the transaction ends.

    Args:
        expected_version: the article's `version` as its editor last saw it.

    Raises:
        ArticleNotFound
        ArticleChanged: it has another version by now.
    """
    article = await session.scalar(
        select(Article)
        .where(Article.organization_id == organization_id, Article.id == article_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if article is None:
        raise ArticleNotFound(f"There is no article {article_id}.")
    if expected_version is not None and article.version != expected_version:
        raise ArticleChanged(f"The article is at version {article.version}.", version=article.version)
    return article


async def version_of(session: AsyncSession, *, article: Article, number: int) -> ArticleVersion:
    """Return a version of an article, or raise ArticleNotFound."""
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


async def require_active(session: AsyncSession, *, organization_id: UUID, user_id: UUID) -> None:
    """Raise EditorUnknown unless a user is the organisation's and active."""
    found = await session.scalar(
        select(User.id).where(User.organization_id == organization_id, User.id == user_id, User.active)
    )
    if found is None:
        raise EditorUnknown


def standing_of(article: Article, editor: Editor, *, number: int | None = None) -> Standing:
    """Return where an article stands for an editor, as far as its own row says; `number` is the version in question."""
    return Standing(
        state=ArticleState(article.state),
        in_review=article.review_version is not None,
        is_approved=number is not None and number == article.approved_version,
        is_own=editor.user_id is not None and editor.user_id == article.owner_id,
        was_published=article.published_version is not None,
        has_newer_words=article.published_version != article.latest_version,
    )


def keep(
    session: AsyncSession,
    article: Article,
    kind: ArticleEventKind,
    *,
    editor: Editor,
    now: datetime,
    before: str | None = None,
    number: int | None = None,
    note: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Add a step to an article's history; `before` is its state until then, where the step changed it."""
    session.add(
        ArticleEvent(
            organization_id=article.organization_id,
            article_id=article.id,
            created_at=now,
            kind=kind,
            actor_id=editor.user_id,
            through=editor.through,
            from_state=before or article.state,
            to_state=article.state,
            number=number,
            note=note,
            data=data or {},
        )
    )


async def touch(session: AsyncSession, article: Article, *, now: datetime) -> None:
    """Store the changes of an article as its next version, and ask for it to be indexed."""
    article.version += 1
    article.updated_at = now
    await session.flush()
    await ask_for_index(session, article)


async def ask_for_index(session: AsyncSession, article: Article) -> None:
    """Ask for an article to be indexed as it is once the transaction commits."""
    await request_index(
        session, organization_id=article.organization_id, source_type=SourceType.KB, source_id=article.id
    )
