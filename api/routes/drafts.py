"""Send drafts, discard them, and see what became of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, ServicesOfApp, Transaction
from api.routes.ticket_reference import actor_of
from api.schemas.drafts import DiscardBody, DraftFiguresView, DraftStatsView, DraftView, SendBody, SentDraft
from api.schemas.tickets import MessageView
from helpdesk.metrics.spans import summary_span
from helpdesk.replies import commands, queries

router = APIRouter(prefix="/drafts", tags=["replies"])
_USUAL_SPAN = timedelta(days=30)


@router.get("/stats", summary="Read what became of drafts", dependencies=[FROM_REPLICA])
async def read_stats(
    *,
    session: ReadSession,
    user: CurrentUser,
    now: Now,
    since: Annotated[AwareDatetime | None, Query(description="30 days before `until` when left out.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Exclusive; now when left out.")] = None,
) -> DraftStatsView:
    """Read how many drafts of a period were sent, edited, discarded or not written, by model, prompt and category."""
    end = until or now
    span = summary_span(since or end - _USUAL_SPAN, end)
    found = await queries.draft_stats(session, organization_id=user.organization_id, since=span.since, until=span.until)
    return DraftStatsView(
        since=span.since,
        until=span.until,
        total=DraftFiguresView.model_validate(found.total),
        by_method=[DraftFiguresView.model_validate(one) for one in found.by_method],
        by_model=[DraftFiguresView.model_validate(one) for one in found.by_model],
        by_prompt=[DraftFiguresView.model_validate(one) for one in found.by_prompt],
        by_category=[DraftFiguresView.model_validate(one) for one in found.by_category],
    )


@router.get("/{draft_id}", summary="Read a draft")
async def read_draft(draft_id: UUID, session: ReadSession, user: CurrentUser) -> DraftView:
    """Read a draft, also one that a later one has replaced."""
    found = await queries.get_draft(session, organization_id=user.organization_id, draft_id=draft_id)
    return DraftView.model_validate(found)


@router.post("/{draft_id}/send", summary="Send a draft")
async def send(
    *,
    draft_id: UUID,
    session: Transaction,
    user: CurrentUser,
    now: Now,
    services: ServicesOfApp,
    body: SendBody | None = None,
) -> SentDraft:
    """Send a draft to the requester, as it is or with other words, and move the ticket with it.

    Sending the same again returns the message that was sent. A draft that a later one has replaced, or that was
    discarded, is refused.
    """
    given = body or SendBody()
    sent = await commands.send_draft(
        session,
        organization_id=user.organization_id,
        draft_id=draft_id,
        actor=actor_of(user),
        now=now,
        settings=services.settings,
        body=given.body,
        status=given.status,
    )
    return SentDraft(draft=DraftView.model_validate(sent.draft), message=MessageView.model_validate(sent.message))


@router.post("/{draft_id}/discard", summary="Discard a draft")
async def discard(
    draft_id: UUID, session: Transaction, user: CurrentUser, now: Now, body: DiscardBody | None = None
) -> DraftView:
    """Say that a draft is of no use, and why."""
    discarded = await commands.discard_draft(
        session,
        organization_id=user.organization_id,
        draft_id=draft_id,
        actor=actor_of(user),
        now=now,
        reason=None if body is None else body.reason,
    )
    return DraftView.model_validate(discarded)
