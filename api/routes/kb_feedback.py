"""What readers say of articles."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, Transaction, needs
from api.paging import PageOf, Paging
from api.routes.article_reference import ArticleId
from api.schemas.kb import Verdict, VotesView, VoteView
from helpdesk.kb.articles.votes import comments_on, vote
from helpdesk.models.values import UserRole

router = APIRouter(prefix="/kb/articles/{article}/feedback", tags=["kb"])


@router.post("", summary="Say whether an article helped", dependencies=[needs(UserRole.VIEWER)])
async def give_feedback(
    article_id: ArticleId, verdict: Verdict, session: Transaction, user: CurrentUser, now: Now
) -> VotesView:
    """Say whether a published article helped; each user has one vote, and the latest word counts. Any role may."""
    votes = await vote(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        user_id=user.id,
        helpful=verdict.helpful,
        now=now,
        comment=verdict.comment,
    )
    return VotesView.model_validate(votes)


@router.get("", summary="Read what readers said", dependencies=[FROM_REPLICA, needs(UserRole.AGENT)])
async def list_feedback(
    article_id: ArticleId, session: ReadSession, user: CurrentUser, page: Paging
) -> PageOf[VoteView]:
    """Read the votes on an article with their comments, the latest voters first. Takes the role agent."""
    rows = await comments_on(
        session,
        organization_id=user.organization_id,
        article_id=article_id,
        limit=page.look_ahead,
        after=page.after_id(),
    )
    return page.of(rows, VoteView.model_validate, lambda row: (row.id,))
