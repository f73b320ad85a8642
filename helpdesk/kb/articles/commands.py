"""Write articles: every change of words is a new version, and readers see the published one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.kb.articles.addresses import SlugTaken, address_for_one, free_slug
from helpdesk.kb.articles.fields import ArticleChanges, NewArticle, take_over
from helpdesk.kb.articles.lifecycle import Editor, Step, check
from helpdesk.kb.articles.publishing_commands import archive_article, publish_article
from helpdesk.kb.articles.review_commands import end_review
from helpdesk.kb.articles.rows import (
    INSTALLATION,
    ArticleChanged,
    ArticleNotFound,
    ask_for_index,
    keep,
    locked,
    require_active,
    standing_of,
    touch,
    version_of,
)
from helpdesk.kb.articles.schedule_jobs import drop_archiving, drop_publication
from helpdesk.kb.articles.words import ArticleEmpty, Words, words_of
from helpdesk.models.kb import Article, ArticleVersion
from helpdesk.models.values import ArticleDoer, ArticleEventKind, ArticleState

__all__ = [
    "ArticleChanged",
    "ArticleChanges",
    "ArticleEmpty",
    "ArticleNotFound",
    "NewArticle",
    "SlugTaken",
    "archive_article",
    "create_article",
    "delete_draft",
    "publish_article",
    "restore_version",
    "update_article",
]


async def create_article(
    session: AsyncSession,
    *,
    organization_id: UUID,
    new: NewArticle,
    author_id: UUID | None,
    now: datetime,
    editor: Editor | None = None,
) -> Article:
    """Write the first version of an article; nobody but its authors sees it until it is published.

    Args:
        author_id: owns it, where `new` says nobody else.
        editor: who writes it, where more is to be said of them than `author_id`.

    Raises:
        ArticleEmpty: no title or no words.
        EditorUnknown: its owner is no active user of the organisation.
        SlugTaken: the slug asked for is another article's.
    """
    doer = editor or Editor(author_id)
    words = words_of(new)
    if new.owner_id is not None:
        await require_active(session, organization_id=organization_id, user_id=new.owner_id)
    identifier = new_id()
    slug = await free_slug(
        session, organization_id=organization_id, slug=new.slug, title=words.title, identifier=identifier
    )
    article = Article(
        id=identifier,
        organization_id=organization_id,
        slug=slug,
        state=ArticleState.DRAFT,
        external_id=new.external_id,
        latest_version=1,
        version=1,
        created_at=now,
        updated_at=now,
    )
    # Whoever writes an article looks after it; whoever imports some may have nothing to do with them.
    is_own = doer.through is ArticleDoer.USER
    take_over(article, replace(new, owner_id=new.owner_id or (author_id if is_own else None)))
    async with address_for_one(slug, session):
        session.add(article)
    await _add_version(session, article=article, number=1, words=words, author_id=author_id, now=now)
    keep(session, article, ArticleEventKind.CREATED, editor=doer, now=now, number=1)
    await session.flush()
    await ask_for_index(session, article)
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
    editor: Editor | None = None,
) -> Article:
    """Change an article; new words wait as the latest version until they are published.

    Words that wait for review are taken back from it when newer ones come.

    Args:
        expected_version: the article's `version` as the author last saw it.
        editor: who changes it, where more is to be said of them than `author_id`.

    Raises:
        ArticleNotFound, ArticleEmpty: no such article, or nothing left of it.
        ArticleChanged: it has another version by now.
        EditorUnknown: its new owner is no active user of the organisation.
        StepForbidden: who may read a published article takes a higher role.
    """
    doer = editor or Editor(author_id)
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    latest = await version_of(session, article=article, number=article.latest_version)
    words = words_of(changes, over=latest)
    if changes.owner_id is not None and changes.owner_id != article.owner_id:
        await require_active(session, organization_id=organization_id, user_id=changes.owner_id)
    _keep_changes(session, article, changes, editor=doer, now=now)
    take_over(article, changes)
    if words.columns != {name: getattr(latest, name) for name in words.columns}:
        await _write(session, article, words, editor=doer, now=now)
    await touch(session, article, now=now)
    return article


async def restore_version(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    number: int,
    now: datetime,
    editor: Editor = INSTALLATION,
    expected_version: int | None = None,
) -> Article:
    """Make the words of an earlier version the latest ones again, as a new version; none where they are already.

    Raises:
        ArticleNotFound: no such article or version.
        ArticleChanged: it has another version by now.
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    words = words_of(await version_of(session, article=article, number=number))
    latest = await version_of(session, article=article, number=article.latest_version)
    if words != words_of(latest):
        await _write(session, article, words, editor=editor, now=now, note=f"The words of version {number}.")
        await touch(session, article, now=now)
    return article


async def delete_draft(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    editor: Editor = INSTALLATION,
    expected_version: int | None = None,
) -> None:
    """Remove an article that readers have never seen, with all its versions.

    Raises:
        ArticleNotFound, ArticleChanged
        StepForbidden: neither one's own nor of a role that may.
        StepRefused: it was published, or is archived.
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    seen = await session.scalar(
        select(ArticleVersion.id)
        .where(
            ArticleVersion.organization_id == organization_id,
            ArticleVersion.article_id == article_id,
            ArticleVersion.published_at.is_not(None),
        )
        .limit(1)
    )
    check(Step.DELETE, replace(standing_of(article, editor), was_published=seen is not None), editor)
    await drop_publication(session, article)
    await drop_archiving(session, article)
    await ask_for_index(session, article)
    await session.delete(article)
    await session.flush()


def _keep_changes(
    session: AsyncSession, article: Article, changes: ArticleChanges, *, editor: Editor, now: datetime
) -> None:
    """Note who may read an article and who owns it from now on, where that changes."""
    if changes.visibility is not None and changes.visibility != article.visibility:
        check(Step.SHOW_OTHERS, standing_of(article, editor), editor)
        data = {"from": article.visibility, "to": str(changes.visibility)}
        keep(session, article, ArticleEventKind.VISIBILITY_CHANGED, editor=editor, now=now, data=data)
    owner_id = None if "owner_id" in changes.clear else changes.owner_id or article.owner_id
    if owner_id != article.owner_id:
        owners = {"from": article.owner_id and str(article.owner_id), "to": owner_id and str(owner_id)}
        keep(session, article, ArticleEventKind.OWNER_CHANGED, editor=editor, now=now, data=owners)


async def _write(
    session: AsyncSession, article: Article, words: Words, *, editor: Editor, now: datetime, note: str = ""
) -> None:
    if article.review_version is not None:
        kind = ArticleEventKind.REVIEW_WITHDRAWN
        end_review(session, article, kind, editor=editor, now=now, note="Newer words came.")
    article.latest_version += 1
    number = article.latest_version
    await _add_version(session, article=article, number=number, words=words, author_id=editor.user_id, now=now)
    keep(session, article, ArticleEventKind.WRITTEN, editor=editor, now=now, number=number, note=note)


async def _add_version(
    session: AsyncSession, *, article: Article, number: int, words: Words, author_id: UUID | None, now: datetime
) -> None:
    session.add(
        ArticleVersion(
            organization_id=article.organization_id,
            article_id=article.id,
            number=number,
            author_id=author_id,
            created_at=now,
            **words.columns,
        )
    )
    await session.flush()
