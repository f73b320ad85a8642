"""Remember the questions that nothing answered: they show what the knowledge base lacks."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import UnansweredOrigin
from helpdesk.rag.text.cleaning import clean_text
from helpdesk.redaction import redacted

_MOST_CHARS = 900
# Fewer letters say nothing about what is missing.
_LEAST_LETTERS = 3

# A tab that searches with every key must not fill the table: the same words count up within a day.
_NOTE_TEXT = sql("""
    INSERT INTO kb_unanswered AS u (id, organization_id, created_at, origin, text, text_hash, day, ticket_id,
           best_relevance, last_at)
    VALUES (:id, :organization_id, :now, :origin, :text, :text_hash, :day, :ticket_id, :best_relevance, :now)
        ON CONFLICT (organization_id, origin, day, text_hash) WHERE origin <> 'ticket' DO UPDATE SET
           times = u.times + 1, last_at = greatest(u.last_at, excluded.last_at),
           ticket_id = coalesce(u.ticket_id, excluded.ticket_id),
           best_relevance = coalesce(excluded.best_relevance, u.best_relevance)
""")
# A ticket is one question, however often articles are looked for.
_NOTE_TICKET = sql("""
    INSERT INTO kb_unanswered AS u (id, organization_id, created_at, origin, text, text_hash, day, ticket_id,
           best_relevance, last_at)
    VALUES (:id, :organization_id, :now, 'ticket', :text, :text_hash, :day, :ticket_id, :best_relevance, :now)
        ON CONFLICT (ticket_id) WHERE origin = 'ticket' DO UPDATE SET
           text = excluded.text, text_hash = excluded.text_hash, day = excluded.day,
           last_at = greatest(u.last_at, excluded.last_at), best_relevance = excluded.best_relevance
""")
_FORGET_TICKET = sql("""
    DELETE FROM kb_unanswered WHERE organization_id = :organization_id AND ticket_id = :ticket_id AND origin = 'ticket'
""")


async def note_unanswered(
    session: AsyncSession,
    *,
    organization_id: UUID,
    text: str,
    origin: UnansweredOrigin | str,
    ticket_id: UUID | None = None,
    best_relevance: float | None = None,
    now: datetime,
) -> None:
    """Remember a question that nothing suitable was found for.

    The same words within a day (UTC) count up; addresses, numbers and secrets of people are not kept, nor a text that
    has hardly a letter. Only call it for answers that vectors took part in: an index that words alone searched may
    well hold the answer.

    Args:
        ticket_id: the ticket that asks, or that it was asked for; what is kept goes with it.
        best_relevance: how probable the nearest miss was, None where nothing was found.
    """
    words = redacted(clean_text(text)[: 2 * _MOST_CHARS])[:_MOST_CHARS].strip()
    if sum(map(str.isalpha, words)) < _LEAST_LETTERS:
        return
    origin = UnansweredOrigin(origin)
    await session.execute(
        _NOTE_TICKET if origin is UnansweredOrigin.TICKET else _NOTE_TEXT,
        {
            "id": new_id(),
            "organization_id": organization_id,
            "now": now,
            "text": words,
            "text_hash": text_hash(words),
            "day": now.astimezone(UTC).date(),
            "ticket_id": ticket_id,
            "best_relevance": best_relevance,
        }
        | ({} if origin is UnansweredOrigin.TICKET else {"origin": origin}),
    )


async def forget_unanswered(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> None:
    """Take back that a ticket found no article: it has by now."""
    await session.execute(_FORGET_TICKET, {"organization_id": organization_id, "ticket_id": ticket_id})


def text_hash(text: str) -> bytes:
    """Return the key of a question: the same words in whatever case and spacing have the same."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).digest()
