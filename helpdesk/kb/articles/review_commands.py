"""Review words before readers see them: handed in, taken back, approved or sent back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.kb.articles.lifecycle import Editor, Step, check
from helpdesk.kb.articles.notices import tell
from helpdesk.kb.articles.rows import keep, locked, require_active, standing_of, touch, version_of
from helpdesk.models.kb import Article, ArticleEvent, ArticleVersion
from helpdesk.models.values import ArticleEventKind, ArticleState, NoticeKind


class ReasonNeeded(Invalid):
    """Whoever sends an article back says why."""


async def request_review(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    editor: Editor,
    now: datetime,
    reviewer_id: UUID | None = None,
    note: str = "",
    expected_version: int | None = None,
) -> Article:
    """Hand in the latest words for review; the reviewer is told, or those who lead the desk where none is named.

    Raises:
        ArticleNotFound, ArticleChanged
        EditorUnknown: the reviewer is no active user of the organisation.
        StepRefused: it is archived, waits already, or has no words that readers do not see.
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    check(Step.SUBMIT, standing_of(article, editor), editor)
    if reviewer_id is not None:
        await require_active(session, organization_id=organization_id, user_id=reviewer_id)
    before = article.state
    version = await version_of(session, article=article, number=article.latest_version)
    article.review_version, article.reviewer_id = version.number, reviewer_id
    if article.state == ArticleState.DRAFT:
        article.state = ArticleState.REVIEW
    keep(
        session,
        article,
        ArticleEventKind.REVIEW_REQUESTED,
        editor=editor,
        now=now,
        before=before,
        number=version.number,
        note=note,
        data={"reviewer_id": reviewer_id and str(reviewer_id)},
    )
    await touch(session, article, now=now)
    await tell(
        session,
        article=article,
        kind=NoticeKind.ARTICLE_REVIEW_REQUESTED,
        sentence=f"“{version.title}” waits for review.",
        title=version.title,
        people=(reviewer_id,),
        # The article's own version tells one request from the next one for the same words.
        key=str(article.version),
        editor=editor,
    )
    return article


async def withdraw_review(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    editor: Editor,
    now: datetime,
    note: str = "",
    expected_version: int | None = None,
) -> Article:
    """Take words back from review; they are a draft again.

    Raises:
        ArticleNotFound, ArticleChanged, StepRefused
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    check(Step.WITHDRAW, standing_of(article, editor), editor)
    end_review(session, article, ArticleEventKind.REVIEW_WITHDRAWN, editor=editor, now=now, note=note)
    await touch(session, article, now=now)
    return article


async def approve_article(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    editor: Editor,
    now: datetime,
    note: str = "",
    expected_version: int | None = None,
) -> Article:
    """Approve the version under review, which any agent may publish from then on.

    Raises:
        ArticleNotFound, ArticleChanged
        StepForbidden, StepRefused: not by this role, or nothing waits for review.
    """
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    check(Step.APPROVE, standing_of(article, editor), editor)
    version = await version_of(session, article=article, number=article.review_version or 0)
    article.approved_version = version.number
    keep(session, article, ArticleEventKind.APPROVED, editor=editor, now=now, number=version.number, note=note)
    await touch(session, article, now=now)
    await tell_author(session, article, version, verdict="was approved", editor=editor)
    return article


async def reject_article(
    session: AsyncSession,
    *,
    organization_id: UUID,
    article_id: UUID,
    editor: Editor,
    now: datetime,
    note: str,
    expected_version: int | None = None,
) -> Article:
    """Send the version under review back to its author, with the reason.

    Raises:
        ArticleNotFound, ArticleChanged
        ReasonNeeded: there is none.
        StepForbidden, StepRefused: not by this role, or nothing waits for review.
    """
    if not note.strip():
        raise ReasonNeeded
    article = await locked(
        session, organization_id=organization_id, article_id=article_id, expected_version=expected_version
    )
    check(Step.REJECT, standing_of(article, editor), editor)
    version = await version_of(session, article=article, number=article.review_version or 0)
    end_review(session, article, ArticleEventKind.REJECTED, editor=editor, now=now, note=note)
    if article.approved_version == version.number:
        article.approved_version = None
    await touch(session, article, now=now)
    await tell_author(session, article, version, verdict="was sent back", editor=editor)
    return article


def end_review(
    session: AsyncSession, article: Article, kind: ArticleEventKind, *, editor: Editor, now: datetime, note: str = ""
) -> None:
    """Let no version of an article wait for review any more, and keep why."""
    before, number = article.state, article.review_version
    article.review_version = article.reviewer_id = None
    if article.state == ArticleState.REVIEW:
        article.state = ArticleState.DRAFT
    keep(session, article, kind, editor=editor, now=now, before=before, number=number, note=note)


async def tell_author(
    session: AsyncSession, article: Article, version: ArticleVersion, *, verdict: str, editor: Editor
) -> None:
    """Tell whoever wrote a version, and whoever handed it in, what became of it."""
    asked = await session.scalar(
        select(ArticleEvent.actor_id)
        .where(
            ArticleEvent.organization_id == article.organization_id,
            ArticleEvent.article_id == article.id,
            ArticleEvent.kind == ArticleEventKind.REVIEW_REQUESTED,
            ArticleEvent.number == version.number,
        )
        .order_by(ArticleEvent.id.desc())
        .limit(1)
    )
    people = [person for person in (version.author_id, asked) if person is not None]
    if people:
        await tell(
            session,
            article=article,
            kind=NoticeKind.ARTICLE_REVIEWED,
            sentence=f"“{version.title}” {verdict}.",
            title=version.title,
            people=people,
            key=str(article.version),
            editor=editor,
        )
