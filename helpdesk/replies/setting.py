"""What a draft is written from, read in one transaction: the ticket, its thread, how the organisation writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.events.conversation import latest_answer
from helpdesk.models.ai_policy import ReplyPolicy
from helpdesk.rag.questions import Question, read_question
from helpdesk.rag.text.cleaning import clean_message
from helpdesk.replies.names import filled
from helpdesk.replies.style import NOTHING_SPECIAL, Style, Wanted, style_of

log = structlog.get_logger(__name__)
_THREAD_CHARS = 3000

# One part of the policy: what is wrong in another one must not decide how drafts are written. Whose name stands below
# is that of who asks for the draft, else of who has the ticket.
_SETTING = text("""
    SELECT o.name, o.locale, o.settings ->> 'reply_signature' AS signature, o.ai_policy -> 'replies' AS policy,
           coalesce(w.name, u.name) AS agent, g.name AS team
      FROM organizations o
      JOIN tickets t ON t.organization_id = o.id AND t.id = :ticket_id
      LEFT JOIN users u ON u.organization_id = o.id AND u.id = t.assignee_id
      LEFT JOIN users w ON w.organization_id = o.id AND w.id = CAST(:requested_by AS uuid)
      LEFT JOIN teams g ON g.organization_id = o.id AND g.id = t.team_id
     WHERE o.id = :organization_id
""")
# What both sides have said where the requester can read it; the last words are the ones to answer.
_THREAD = text("""
    SELECT author_kind, body FROM messages
     WHERE organization_id = :organization_id AND ticket_id = :ticket_id AND visibility = 'public'
     ORDER BY created_at DESC, id DESC LIMIT 12
""")


@dataclass(frozen=True)
class Setting:
    """What one draft is written from.

    Attributes:
        thread: the ticket's own public words, cleaned, oldest first: what a sentence may cite as `T`.
        greeting: the organisation's own, with `{name}`; empty for the usual one.
        signature: what stands below the regards.
        answered: the latest public message of an agent, for `events.conversation.confirm_unanswered`.
    """

    question: Question
    style: Style
    wanted: Wanted = NOTHING_SPECIAL
    thread: str = ""
    greeting: str = ""
    signature: str = ""
    answered: UUID | None = None


async def read_setting(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, wanted: Wanted) -> Setting:
    """Return what a draft for a ticket is written from; raise QuestionGone."""
    question = await read_question(session, organization_id=organization_id, ticket_id=ticket_id)
    values = {"organization_id": organization_id, "ticket_id": ticket_id}
    row = (await session.execute(_SETTING, values | {"requested_by": wanted.requested_by})).one()
    said = (await session.execute(_THREAD, values)).all()
    policy = _policy(row.policy, organization_id)
    names = {"agent": row.agent, "team": row.team}
    return Setting(
        question=question,
        style=style_of(
            wanted,
            policy,
            languages=(question.spoken, question.language, question.requester_locale),
            locale=row.locale,
        ),
        wanted=wanted,
        thread=_thread(question, said),
        greeting=policy.greeting,
        signature=filled(policy.signature, names) or str(row.signature or row.name),
        answered=await latest_answer(session, organization_id=organization_id, ticket_id=ticket_id),
    )


def _thread(question: Question, said: Any) -> str:
    """Return the ticket in words, the newest kept where there is no room for all."""
    parts: list[str] = []
    room = _THREAD_CHARS
    for message in said:
        words = clean_message(message.body)[:room]
        room -= len(words)
        parts.insert(0, words)
        if room <= 0:
            break
    return "\n\n".join([question.subject, *parts])


def _policy(stored: dict[str, Any] | None, organization_id: UUID) -> ReplyPolicy:
    try:
        return ReplyPolicy.model_validate(stored or {})
    except ValidationError as error:
        log.warning("reply_policy_unreadable", organization_id=str(organization_id), problems=error.error_count())
        return ReplyPolicy()
