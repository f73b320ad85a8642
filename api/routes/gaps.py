"""Knowledge gaps: what people ask in vain, and the articles that are drafted for it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, Transaction, needs
from api.paging import PageOf, Paging
from api.schemas.findings import Enqueued
from api.schemas.gaps import Dismissal, GapDetail, GapDraft, GapQuestionView, GapSearch, GapView
from helpdesk.kb.gaps import commands as gap_commands
from helpdesk.kb.gaps import queries as gap_queries
from helpdesk.models.values import GapState, UserRole
from helpdesk.queue.catalog import FindKnowledgeGaps
from helpdesk.queue.enqueue import enqueue

# Questions are words of tickets and of colleagues.
router = APIRouter(prefix="/kb/gaps", tags=["kb"], dependencies=[needs(UserRole.AGENT)])
_State = Annotated[GapState | None, Query(description="All of them when left out.")]


@router.get("", summary="List knowledge gaps", dependencies=[FROM_REPLICA])
async def list_gaps(session: ReadSession, user: CurrentUser, page: Paging, state: _State = None) -> PageOf[GapView]:
    """Read what the knowledge base lacks, the most asked first; a list of nothing means that nothing was asked often
    enough in vain.
    """  # noqa: D205 -- one sentence
    after = page.after_key(int, UUID)
    rows = await gap_queries.list_gaps(
        session,
        organization_id=user.organization_id,
        state=state,
        limit=page.look_ahead,
        after=None if after is None else (after[0], after[1]),
    )
    return page.of(rows, GapView.model_validate, lambda row: (row.asked, row.id))


@router.post("/find", status_code=status.HTTP_202_ACCEPTED, summary="Look for knowledge gaps")
async def find_gaps(session: Transaction, user: CurrentUser, body: GapSearch | None = None) -> Enqueued:
    """Have the questions looked through now instead of at night; asking again while that waits changes nothing."""
    args = FindKnowledgeGaps(days=body.days if body else None)
    job_id = await enqueue(session, args, organization_id=user.organization_id, unique_key="on demand")
    return Enqueued(job_id=job_id)


@router.get("/{gap_id}", summary="Read a knowledge gap")
async def read_gap(gap_id: UUID, session: ReadSession, user: CurrentUser) -> GapDetail:
    """Read a gap with its questions."""
    return await _detail(session, user.organization_id, gap_id)


@router.post("/{gap_id}/draft", status_code=status.HTTP_201_CREATED, summary="Draft an article for a gap")
async def draft_article(
    gap_id: UUID, response: Response, session: Transaction, user: CurrentUser, now: Now
) -> GapDraft:
    """Draft an article with the typical questions as its outline, and what solved such tickets as quoted material.

    The draft is for agents only. Addresses and numbers of people are left out of it; names are not recognised.
    """
    drafted = await gap_commands.draft_from_gap(
        session, organization_id=user.organization_id, gap_id=gap_id, user_id=user.id, now=now
    )
    response.headers["Location"] = f"/api/v1/kb/articles/{drafted.article_id}"
    return GapDraft.model_validate(drafted)


@router.post("/{gap_id}/dismiss", summary="Dismiss a knowledge gap")
async def dismiss_gap(
    gap_id: UUID, dismissal: Dismissal, session: Transaction, user: CurrentUser, now: Now
) -> GapDetail:
    """Say that no article is wanted; like questions that come later do not bring the gap back."""
    await gap_commands.dismiss_gap(
        session,
        organization_id=user.organization_id,
        gap_id=gap_id,
        reason=dismissal.reason,
        user_id=user.id,
        now=now,
    )
    return await _detail(session, user.organization_id, gap_id)


@router.post("/{gap_id}/reopen", summary="Open a knowledge gap again")
async def reopen_gap(gap_id: UUID, session: Transaction, user: CurrentUser, now: Now) -> GapDetail:
    """Take back that a gap was dismissed or closed."""
    await gap_commands.reopen_gap(
        session, organization_id=user.organization_id, gap_id=gap_id, user_id=user.id, now=now
    )
    return await _detail(session, user.organization_id, gap_id)


async def _detail(session: ReadSession, organization_id: UUID, gap_id: UUID) -> GapDetail:
    gap = await gap_queries.gap_by_id(session, organization_id=organization_id, gap_id=gap_id)
    questions = await gap_queries.questions_of(session, organization_id=organization_id, gap_id=gap_id)
    shown = GapView.model_validate(gap).model_dump()
    return GapDetail(**shown, members=[GapQuestionView.model_validate(question) for question in questions])
