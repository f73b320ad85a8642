"""Let readers see articles, and take these away from them again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.kb.articles.lifecycle import Editor, Step, check
from helpdesk.kb.articles.review_commands import tell_author
from helpdesk.kb.articles.rows import INSTALLATION, keep, locked, standing_of, touch, version_of
from helpdesk.kb.articles.schedule_jobs import drop_archiving, drop_publication
from helpdesk.models.kb import Article, ArticleVersion
from helpdesk.models.values import ArticleEventKind, ArticleState


async def publish_article(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    now: datetime,
    number: int | None = None,
    editor: Editor = INSTALLATION,
    note: str = "",
    expected_version: int | None = None,
) -> Article:
    """Let readers see a version, the latest one when no number is given; once more, it changes nothing.

    A publication planned for this version or an older one is dropped with it.

    Raises:
        ArticleNotFound: no such article or version.
        ArticleChanged: it has another version by now.
        StepForbidden, StepRefused: not by this role, or it is archived.
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    version = await version_of(session, article=article, number=number or article.latest_version)
    check(Step.PUBLISH, standing_of(article, editor, number=version.number), editor)
    if article.state == ArticleState.PUBLISHED and article.published_version == version.number:
        return article
    await _show(session, article, version, editor=editor, now=now, note=note)
    return article


async def archive_article(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    now: datetime,
    editor: Editor = INSTALLATION,
    note: str = "",
    expected_version: int | None = None,
) -> Article:
    """Take an article away from readers and from the index; its versions stay. Once more, it changes nothing.

    Whatever was planned for it is dropped, and its words wait for review no longer.

    Raises:
        ArticleNotFound: no such article.
        ArticleChanged: it has another version by now.
        StepForbidden: it takes a higher role.
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    if article.state == ArticleState.ARCHIVED:
        return article
    check(Step.ARCHIVE, standing_of(article, editor), editor)
    before, number = article.state, article.published_version
    article.state = ArticleState.ARCHIVED
    article.published_version = article.approved_version = article.review_version = article.reviewer_id = None
    await drop_publication(session, article)
    await drop_archiving(session, article)
    kind = ArticleEventKind.ARCHIVED
    keep(session, article, kind, editor=editor, now=now, before=before, number=number, note=note)
    await touch(session, article, now=now)
    return article


async def restore_article(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    now: datetime,
    editor: Editor = INSTALLATION,
    note: str = "",
    expected_version: int | None = None,
) -> Article:
    """Make a draft of an archived article; readers see it once it is published again.

    Raises:
        ArticleNotFound, ArticleChanged
        StepForbidden, StepRefused: not by this role, or it is not archived.
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    check(Step.RESTORE, standing_of(article, editor), editor)
    before, article.state = article.state, ArticleState.DRAFT
    keep(session, article, ArticleEventKind.RESTORED, editor=editor, now=now, before=before, note=note)
    await touch(session, article, now=now)
    return article


async def _show(
    session: AsyncSession, article: Article, version: ArticleVersion, *, editor: Editor, now: datetime, note: str
) -> None:
    before, reviewed = article.state, article.review_version == version.number
    article.state = ArticleState.PUBLISHED
    article.published_version = article.approved_version = version.number
    if reviewed:
        article.review_version = article.reviewer_id = None
    if article.publish_version is not None and article.publish_version <= version.number:
        await drop_publication(session, article)
    await session.execute(
        update(ArticleVersion)
        .where(ArticleVersion.organization_id == article.organization_id, ArticleVersion.id == version.id)
        .where(ArticleVersion.published_at.is_(None))
        .values(published_at=now)
    )
    kind = ArticleEventKind.PUBLISHED
    keep(session, article, kind, editor=editor, now=now, before=before, number=version.number, note=note)
    await touch(session, article, now=now)
    if reviewed:
        await tell_author(session, article, version, verdict="was published", editor=editor)
