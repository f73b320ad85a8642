"""Store a draft in place of the one before, with the call that made it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.runs.record import Decision, record_run
from helpdesk.answers.calling import Call
from helpdesk.answers.trace import trace_of
from helpdesk.database.base import new_id
from helpdesk.events.conversation import confirm_unanswered, confirm_unchanged
from helpdesk.events.record import record
from helpdesk.models.ai import KbSuggestionSet, ReplyDraft
from helpdesk.models.values import AuthorKind, TicketStatus, UnansweredOrigin
from helpdesk.rag.retrieval.unanswered import note_unanswered
from helpdesk.replies.draft import Draft
from helpdesk.replies.drafting import Drafting
from helpdesk.replies.evidence import Found
from helpdesk.replies.setting import Setting
from helpdesk.tickets.lifecycle import TicketClosed, is_settled

# The ticket is held by now: what this says stays true until the transaction ends.
_STATUS = text("SELECT status FROM tickets WHERE organization_id = :organization_id AND id = :ticket_id")


async def store_draft(
    session: AsyncSession,
    drafting: Drafting,
    setting: Setting,
    *,
    found: Found,
    draft: Draft,
    draft_id: UUID | None = None,
    instead_of: UUID | None = None,
) -> UUID:
    """Supersede the ticket's draft, record the call and return the draft's id.

    Args:
        draft_id: the id that was promised for it.
        instead_of: a preliminary form of this draft, which goes. One that was sent or discarded meanwhile stays, and
            this draft comes too late to be kept.

    Raises:
        TicketGone, TicketMovedOn, TicketAnswered, TicketClosed: the ticket is no longer as it was read.
    """
    organization_id, question = drafting.organization_id, setting.question
    await confirm_unchanged(session, organization_id=organization_id, ticket_id=question.id, seen=question.seen)
    run_id = None
    if draft.call is not None:
        run_id = await record_call(
            session, drafting, setting, found=found, call=draft.call, decision=draft.decision, citations=draft.cites
        )
    if instead_of is not None and not await _taken_back(session, organization_id, instead_of):
        return instead_of
    await _confirm_awaited(session, setting, organization_id=organization_id)
    await _supersede(session, drafting, question.id)
    row = _row(drafting, setting, draft, draft_id=draft_id or new_id(), run_id=run_id)
    session.add(row)
    if draft.abstained and not draft.degraded:
        await _note_unanswered(session, drafting, setting, found)
    await record(
        session,
        organization_id=organization_id,
        ticket_id=question.id,
        kind="ticket.reply_abstained" if draft.abstained else "ticket.reply_drafted",
        now=drafting.now,
        actor_kind=AuthorKind.AI,
        data={"method": draft.method, "sources": [source["slug"] for source in draft.sources]},
    )
    return row.id


async def _confirm_awaited(session: AsyncSession, setting: Setting, *, organization_id: UUID) -> None:
    """Make sure that nobody has answered or settled the ticket meanwhile; raise TicketAnswered or TicketClosed."""
    ticket_id = setting.question.id
    await confirm_unanswered(session, organization_id=organization_id, ticket_id=ticket_id, seen=setting.answered)
    status = await session.scalar(_STATUS, {"organization_id": organization_id, "ticket_id": ticket_id})
    if is_settled(TicketStatus(status)):
        raise TicketClosed("The ticket was settled while a reply was drafted.")


async def record_call(
    session: AsyncSession,
    drafting: Drafting,
    setting: Setting,
    *,
    found: Found,
    call: Call,
    decision: Decision,
    citations: list[str] | None = None,
) -> UUID:
    """Record a call of the text model; return the run's id."""
    return await record_run(
        session,
        organization_id=drafting.organization_id,
        kind="reply",
        ticket_id=setting.question.id,
        prompt=call.prompt,
        schema=call.schema,
        identity=call.identity,
        answer=call.answer,
        error=call.error,
        busy_ms=call.meter.ms,
        citations=citations or [],
        retrieval_trace=trace_of(found.answer),
        decision=decision,
        now=drafting.now,
    )


def _row(drafting: Drafting, setting: Setting, draft: Draft, *, draft_id: UUID, run_id: UUID | None) -> ReplyDraft:
    prompt = None if draft.call is None else draft.call.prompt
    return ReplyDraft(
        id=draft_id,
        organization_id=drafting.organization_id,
        ticket_id=setting.question.id,
        created_at=drafting.now,
        run_id=run_id,
        state="abstained" if draft.abstained else "drafted",
        body=draft.body,
        sentences=draft.sentences,
        sources=draft.sources,
        checks=draft.checks,
        abstain_reason=draft.abstain_reason,
        language=draft.style.language,
        tone=draft.style.tone,
        length=draft.style.length,
        instruction=setting.wanted.instruction,
        requested_by=setting.wanted.requested_by,
        note=draft.note,
        searched=draft.searched,
        nearest=draft.nearest,
        method=draft.method,
        model=None if draft.call is None else draft.call.identity.name,
        prompt_id=None if prompt is None else prompt.id,
        prompt_version=None if prompt is None else prompt.version,
    )


async def _taken_back(session: AsyncSession, organization_id: UUID, draft_id: UUID) -> bool:
    """Remove a preliminary draft; return whether nobody had decided on it."""
    removed = await session.scalar(
        delete(ReplyDraft)
        .where(ReplyDraft.organization_id == organization_id, ReplyDraft.id == draft_id, ReplyDraft.outcome.is_(None))
        .returning(ReplyDraft.id)
    )
    return removed is not None


async def _supersede(session: AsyncSession, drafting: Drafting, ticket_id: UUID) -> None:
    await session.execute(
        update(ReplyDraft)
        .where(
            ReplyDraft.organization_id == drafting.organization_id,
            ReplyDraft.ticket_id == ticket_id,
            ReplyDraft.superseded_at.is_(None),
        )
        .values(superseded_at=drafting.now)
    )


async def _note_unanswered(session: AsyncSession, drafting: Drafting, setting: Setting, found: Found) -> None:
    """Remember that nothing answers the ticket, unless agents were offered an article that customers may not read."""
    offered = exists().where(
        KbSuggestionSet.organization_id == drafting.organization_id,
        KbSuggestionSet.ticket_id == setting.question.id,
        KbSuggestionSet.superseded_at.is_(None),
        ~KbSuggestionSet.abstained,
    )
    if await session.scalar(select(offered)):
        return
    await note_unanswered(
        session,
        organization_id=drafting.organization_id,
        text=setting.question.text,
        origin=UnansweredOrigin.TICKET,
        ticket_id=setting.question.id,
        best_relevance=found.answer.best_relevance,
        now=drafting.now,
    )
