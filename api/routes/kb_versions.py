"""What an article said before, and what happened to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, Transaction, needs
from api.paging import PageOf, Paging
from api.preconditions import ExpectedVersion
from api.routes.article_reference import ArticleEditor, ArticleId, view_of
from api.schemas.kb import ArticleEventView, ArticleView, DiffView, VersionView
from helpdesk.kb.articles import commands, queries
from helpdesk.kb.articles.version_diff import diff_of
from helpdesk.models.values import UserRole

router = APIRouter(prefix="/kb/articles/{article}", tags=["kb"], dependencies=[needs(UserRole.AGENT)])
_Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/versions", summary="List an article's versions", dependencies=[FROM_REPLICA])
async def list_versions(article_id: ArticleId, session: ReadSession, user: CurrentUser) -> list[VersionView]:
    """Read every version of an article, the newest first. Takes the role agent."""
    found = await queries.versions_of(session, organization_id=user.organization_id, article_id=article_id)
    return [VersionView.model_validate(version) for version in found]


@router.get("/versions/{number}/diff", summary="Compare two versions")
async def compare_versions(
    article_id: ArticleId,
    number: _Number,
    session: ReadSession,
    user: CurrentUser,
    to: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The latest one when left out.")] = None,
) -> DiffView:
    """Read how the words of a version became those of another one, line by line. Takes the role agent."""
    found = await queries.versions_of(session, organization_id=user.organization_id, article_id=article_id)
    by_number = {version.number: version for version in found}
    other = to or found[0].number
    if number not in by_number or other not in by_number:
        raise commands.ArticleNotFound("The article has no such version.")
    return DiffView.model_validate(diff_of(by_number[number], by_number[other]))


@router.post("/versions/{number}/restore", summary="Restore the words of a version")
async def restore_version(
    *,
    article_id: ArticleId,
    number: _Number,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    editor: ArticleEditor,
    now: Now,
) -> ArticleView:
    """Write the words of an earlier version once more, as a new one; readers see them once it is published."""
    article = await commands.restore_version(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        number=number,
        editor=editor,
        now=now,
        expected_version=expected,
    )
    return await view_of(session, response, user, article_id, article.latest_version)


@router.get("/history", summary="Read an article's history", dependencies=[FROM_REPLICA])
async def read_history(
    article_id: ArticleId, session: ReadSession, user: CurrentUser, page: Paging
) -> PageOf[ArticleEventView]:
    """Read who did what with an article, the newest first. Takes the role agent."""
    rows = await queries.history_of(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        limit=page.look_ahead,
        after=page.after_id(),
    )
    return page.of(rows, ArticleEventView.model_validate, lambda row: (row.id,))
