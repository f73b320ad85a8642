"""Store a draft in place of the one before, with the calls that made it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.runs.record import record_run
from helpdesk.answers.trace import trace_of
from helpdesk.database.base import new_id
from helpdesk.events.conversation import confirm_unchanged
from helpdesk.events.record import record
from helpdesk.models.accounts import Organization
from helpdesk.models.ai import ReplyDraft
from helpdesk.models.values import AuthorKind
from helpdesk.rag.questions import Question
from helpdesk.rag.retrieval.query import SearchAnswer
from helpdesk.replies.draft import Draft


async def read_signature(session: AsyncSession, *, organization_id: UUID) -> str:
    """Return what stands below the regards: the organisation's own signature, or its name."""
    organization = await session.scalar(select(Organization).where(Organization.id == organization_id))
    if organization is None:
        return ""
    return str(organization.settings.get("reply_signature") or organization.name)


async def store_draft(
    session: AsyncSession,
    *,
    organization_id: UUID,
    question: Question,
    draft: Draft,
    answer: SearchAnswer,
    now: datetime,
    instead_of: UUID | None = None,
) -> UUID:
    """Supersede the ticket's draft, record the call and return the draft's id; raise TicketGone or TicketMovedOn.

    Args:
        instead_of: a preliminary form of this draft, which goes.
    """
    await confirm_unchanged(session, organization_id=organization_id, ticket_id=question.id, seen=question.seen)
    run_id = await _record(
        session, organization_id=organization_id, question=question, draft=draft, trace=trace_of(answer), now=now
    )
    await _supersede(session, organization_id=organization_id, question=question, instead_of=instead_of, now=now)
    abstained = draft.abstain_reason is not None
    draft_id = new_id()
    session.add(
        ReplyDraft(
            id=draft_id,
            organization_id=organization_id,
            ticket_id=question.id,
            created_at=now,
            run_id=run_id,
            state="abstained" if abstained else "drafted",
            body=draft.body,
            sentences=draft.sentences,
            sources=draft.sources,
            checks=draft.checks,
            abstain_reason=draft.abstain_reason,
            language=draft.language,
            method=draft.method,
            model=None if draft.opening is None else draft.opening.identity.name,
        )
    )
    await record(
        session,
        organization_id=organization_id,
        ticket_id=question.id,
        kind="ticket.reply_abstained" if abstained else "ticket.reply_drafted",
        now=now,
        actor_kind=AuthorKind.AI,
        data={"method": draft.method, "sources": [source["slug"] for source in draft.sources]},
    )
    return draft_id


async def _supersede(
    session: AsyncSession, *, organization_id: UUID, question: Question, instead_of: UUID | None, now: datetime
) -> None:
    if instead_of is not None:
        await session.execute(
            delete(ReplyDraft).where(ReplyDraft.organization_id == organization_id, ReplyDraft.id == instead_of)
        )
    await session.execute(
        update(ReplyDraft)
        .where(
            ReplyDraft.organization_id == organization_id,
            ReplyDraft.ticket_id == question.id,
            ReplyDraft.superseded_at.is_(None),
        )
        .values(superseded_at=now)
    )


async def _record(
    session: AsyncSession,
    *,
    organization_id: UUID,
    question: Question,
    draft: Draft,
    trace: dict[str, Any],
    now: datetime,
) -> UUID | None:
    opening = draft.opening
    if opening is None:
        return None
    return await record_run(
        session,
        organization_id=organization_id,
        kind="reply",
        ticket_id=question.id,
        prompt=opening.prompt,
        schema=opening.schema,
        identity=opening.identity,
        answer=opening.answer,
        error=opening.error,
        citations=opening.sentence.cites if opening.sentence is not None else (),
        retrieval_trace=trace,
        decision="error" if opening.answer is None else "accepted" if opening.sentence is not None else "abstained",
        now=now,
    )
