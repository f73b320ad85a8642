"""Decide on drafts: send one, as it is or edited, or discard it; each leaves an outcome to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict
from helpdesk.events.record import record
from helpdesk.models.ai import AiFeedback, ReplyDraft
from helpdesk.models.tickets import Message
from helpdesk.models.values import AuthorKind, TicketStatus
from helpdesk.redaction import redacted
from helpdesk.replies.distance import edit_distance
from helpdesk.replies.queries import DraftNotFound, get_draft
from helpdesk.settings import Settings
from helpdesk.tickets import commands as tickets
from helpdesk.tickets.requests import Actor
from helpdesk.tickets.rows import lock_ticket

# An agent's own message that is further from the draft than this owes it nothing: the draft was passed over.
PASSED_OVER_FROM = 0.5
PASSED_OVER = "Another reply was sent."
_ACTIONS = {"accepted": "accept", "edited": "edit", "discarded": "reject"}


class DraftSuperseded(Conflict):
    """A later draft has taken this one's place."""


class DraftSettled(Conflict):
    """The draft was sent or discarded before."""


class NothingDrafted(Conflict):
    """The draft says that nothing answers the ticket; there is nothing to send."""


@dataclass(frozen=True)
class Sent:
    """A draft that was sent, and the message it became."""

    draft: ReplyDraft
    message: Message


async def send_draft(
    session: AsyncSession,
    *,
    organization_id: UUID,
    draft_id: UUID,
    actor: Actor,
    now: datetime,
    settings: Settings,
    body: str | None = None,
    status: TicketStatus | None = None,
) -> Sent:
    """Send a draft to the requester as a public message of an agent's; the same again changes nothing.

    Args:
        body: what is sent instead of the draft's own words.
        status: where the ticket goes with it, such as pending or solved.

    Raises:
        DraftNotFound, TicketNotFound, TicketClosed, TicketMerged, IllegalMove: it cannot be sent.
        DraftSuperseded, DraftSettled, NothingDrafted: it is not there to be sent any more, or never was.
    """
    draft = await _hold(session, organization_id=organization_id, draft_id=draft_id)
    words = draft.body if body is None else body
    if (message := await _sent_before(session, draft, words, asked=body)) is not None:
        return Sent(draft, message)
    _check_open(draft)
    message = await tickets.reply(
        session,
        organization_id=organization_id,
        ticket_id=draft.ticket_id,
        body=words,
        actor=actor,
        now=now,
        settings=settings,
    )
    if status is not None:
        await tickets.change_status(
            session, organization_id=organization_id, ticket_id=draft.ticket_id, to=status, actor=actor, now=now
        )
    await _note_sent(session, draft, message, actor=actor, now=now)
    return Sent(draft, message)


async def discard_draft(
    session: AsyncSession,
    *,
    organization_id: UUID,
    draft_id: UUID,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
) -> ReplyDraft:
    """Discard a draft; once more changes nothing.

    Raises:
        DraftNotFound, DraftSuperseded, DraftSettled, NothingDrafted: there is nothing to discard.
    """
    draft = await _hold(session, organization_id=organization_id, draft_id=draft_id)
    if draft.state == "discarded":
        return draft
    _check_open(draft)
    await _note_discarded(session, draft, actor=actor, now=now, reason=reason)
    return draft


async def note_reply(
    session: AsyncSession, *, organization_id: UUID, message: Message, actor: Actor, now: datetime
) -> None:
    """Settle the ticket's draft by a reply that an agent wrote without sending the draft.

    A message at less than half the distance counts as the draft, edited; any other as the draft, passed over.
    """
    draft = await session.scalar(
        select(ReplyDraft)
        .where(
            ReplyDraft.organization_id == organization_id,
            ReplyDraft.ticket_id == message.ticket_id,
            ReplyDraft.superseded_at.is_(None),
            ReplyDraft.state == "drafted",
        )
        .with_for_update()
    )
    if draft is None or actor.kind is not AuthorKind.AGENT:
        return
    if edit_distance(draft.body, message.body) < PASSED_OVER_FROM:
        await _note_sent(session, draft, message, actor=actor, now=now)
    else:
        await _note_discarded(session, draft, actor=actor, now=now, reason=PASSED_OVER)


async def _hold(session: AsyncSession, *, organization_id: UUID, draft_id: UUID) -> ReplyDraft:
    """Return a draft that nobody else decides on before the transaction ends."""
    found = await get_draft(session, organization_id=organization_id, draft_id=draft_id)
    # The ticket first, as everybody who stores drafts does.
    await lock_ticket(session, organization_id=organization_id, ticket_id=found.ticket_id)
    held = await session.scalar(
        select(ReplyDraft)
        .where(ReplyDraft.organization_id == organization_id, ReplyDraft.id == draft_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if held is None:
        raise DraftNotFound
    return held


async def _sent_before(session: AsyncSession, draft: ReplyDraft, words: str, *, asked: str | None) -> Message | None:
    """Return the message of a draft that was sent with these words already."""
    if draft.state != "sent" or (asked is not None and draft.sent_body != words):
        return None
    return await session.get(Message, draft.sent_message_id)


def _check_open(draft: ReplyDraft) -> None:
    if draft.state in {"sent", "discarded"}:
        raise DraftSettled(f"The draft was {draft.state} already.")
    if draft.superseded_at is not None:
        raise DraftSuperseded
    if draft.state == "abstained":
        raise NothingDrafted


async def _note_sent(
    session: AsyncSession, draft: ReplyDraft, message: Message, *, actor: Actor, now: datetime
) -> None:
    draft.edit_distance = edit_distance(draft.body, message.body)
    draft.state, draft.outcome = "sent", "edited" if draft.edit_distance else "accepted"
    draft.outcome_at, draft.outcome_by = now, actor.id
    draft.sent_message_id, draft.sent_body = message.id, message.body
    await _learn(session, draft, actor=actor, now=now)


async def _note_discarded(
    session: AsyncSession, draft: ReplyDraft, *, actor: Actor, now: datetime, reason: str | None
) -> None:
    draft.state = draft.outcome = "discarded"
    draft.outcome_at, draft.outcome_by, draft.discard_reason = now, actor.id, reason
    await _learn(session, draft, actor=actor, now=now)


async def _learn(session: AsyncSession, draft: ReplyDraft, *, actor: Actor, now: datetime) -> None:
    """Tell the ticket's history what became of a draft, and the run of the model that had a part in it."""
    outcome = str(draft.outcome)
    await record(
        session,
        organization_id=draft.organization_id,
        ticket_id=draft.ticket_id,
        kind=f"ticket.draft_{draft.state}",
        now=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        data={"draft_id": str(draft.id), "outcome": outcome, "edit_distance": draft.edit_distance},
    )
    if draft.run_id is not None:
        session.add(
            AiFeedback(
                organization_id=draft.organization_id,
                created_at=now,
                run_id=draft.run_id,
                user_id=actor.id,
                action=_ACTIONS[outcome],
                final_value=None if draft.sent_body is None else redacted(draft.sent_body),
                edit_distance=draft.edit_distance,
            )
        )
