"""The way of an article to its readers: review, publication, schedule, archive, and the look at it later."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.dependencies import CurrentUser, Now, Transaction
from api.preconditions import ExpectedVersion
from api.routes.article_reference import ArticleEditor, ArticleId, view_of
from api.schemas.kb import ArticleView, Note, Publication, Rejection, Review, ReviewRequest, Schedule
from helpdesk.kb.articles import publishing_commands, review_commands
from helpdesk.kb.articles.review_dates import mark_reviewed
from helpdesk.kb.articles.schedule_commands import plan_article

router = APIRouter(prefix="/kb/articles/{article}", tags=["kb"])


@router.post("/review", summary="Hand in for review")
async def request_review(
    *,
    article_id: ArticleId,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
    request: ReviewRequest | None = None,
) -> ArticleView:
    """Hand in the latest words; the reviewer is told, or those who lead the desk. Newer words take it back."""
    asked = request or ReviewRequest()
    article = await review_commands.request_review(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        editor=editor,
        now=now,
        reviewer_id=asked.reviewer_id,
        note=asked.note,
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id, article.latest_version)


@router.post("/withdraw", summary="Take back from review")
async def withdraw_review(
    *,
    article_id: ArticleId,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
    note: Note | None = None,
) -> ArticleView:
    """Make a draft again of the words that wait for review."""
    article = await review_commands.withdraw_review(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        editor=editor,
        now=now,
        note=note.note if note else "",
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id, article.latest_version)


@router.post("/approve", summary="Approve the words under review")
async def approve_article(
    *,
    article_id: ArticleId,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
    note: Note | None = None,
) -> ArticleView:
    """Approve the version that waits for review, which any agent may publish then. Takes the role lead."""
    article = await review_commands.approve_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        editor=editor,
        now=now,
        note=note.note if note else "",
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id, article.review_version)


@router.post("/reject", summary="Send back the words under review")
async def reject_article(
    *,
    article_id: ArticleId,
    rejection: Rejection,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
) -> ArticleView:
    """Send the version that waits for review back to its author, who is told why. Takes the role lead."""
    article = await review_commands.reject_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        editor=editor,
        now=now,
        note=rejection.note,
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id, article.latest_version)


@router.post("/publish", summary="Publish an article")
async def publish_article(
    *,
    article_id: ArticleId,
    expected: ExpectedVersion,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
    response: Response,
    publication: Publication | None = None,
) -> ArticleView:
    """Let readers see the latest version, or the one named. Takes the role lead, unless that version was approved."""
    chosen = publication or Publication()
    await publishing_commands.publish_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        now=now,
        number=chosen.version,
        editor=editor,
        note=chosen.note,
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id)


@router.post("/archive", summary="Archive an article")
async def archive_article(
    *,
    article_id: ArticleId,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
    note: Note | None = None,
) -> ArticleView:
    """Take an article away from readers and out of the search index; its versions stay. Takes the role lead."""
    await publishing_commands.archive_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        now=now,
        editor=editor,
        note=note.note if note else "",
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id)


@router.post("/restore", summary="Restore an archived article")
async def restore_article(
    *,
    article_id: ArticleId,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
    note: Note | None = None,
) -> ArticleView:
    """Make a draft of an archived article, which readers see once it is published again. Takes the role lead."""
    await publishing_commands.restore_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        now=now,
        editor=editor,
        note=note.note if note else "",
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id)


@router.put("/schedule", summary="Plan when to publish and archive")
async def schedule_article(
    *,
    article_id: ArticleId,
    schedule: Schedule,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
) -> ArticleView:
    """Plan a publication, an archiving, or both, in place of what was planned. Roles as for doing it at once."""
    await plan_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        editor=editor,
        now=now,
        publish_at=schedule.publish_at,
        number=schedule.version,
        archive_at=schedule.archive_at,
        note=schedule.note,
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id)


@router.delete("/schedule", summary="Drop what is planned")
async def unschedule_article(
    *,
    article_id: ArticleId,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
) -> ArticleView:
    """Let nothing happen to an article by itself any more."""
    await plan_article(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        editor=editor,
        now=now,
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id)


@router.post("/reviewed", summary="Say that an article still holds")
async def review_article(
    *,
    article_id: ArticleId,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
    review: Review | None = None,
) -> ArticleView:
    """Note that somebody looked at a published article, and set the date of the next look."""
    said = review or Review()
    await mark_reviewed(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        editor=editor,
        now=now,
        next_at=said.next_at,
        note=said.note,
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id)
