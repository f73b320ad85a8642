"""A ticket as a question to models and to the index: its words, its vector, and how far it has been read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder, InputRefused, ModelBusy
from helpdesk.database.engine import Database
from helpdesk.errors import NotFound, Unavailable
from helpdesk.models.values import TicketStatus
from helpdesk.rag.embedding.halfvec import read_vector
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.embedding.spaces import made_by
from helpdesk.rag.embedding.vectors import hash_of_input, stored_vectors, ticket_input, vectors_for
from helpdesk.rag.graph.similar import own_vector
from helpdesk.rag.text.cleaning import clean_message
from helpdesk.rag.text.language import detect_language

# The languages that requesters are answered in.
LANGUAGES = ("en", "de", "fr", "es", "nl", "it")

# Raw SQL: one round trip for the ticket, its requester and both ends of the conversation.
_READ = text("""
    SELECT t.id, t.subject, t.status, t.priority, t.type, t.language, t.decided_by, t.created_at,
           c.slug AS category, g.slug AS team, p.name AS requester, p.locale AS requester_locale,
           coalesce(p.vip, false) AS vip, coalesce(opening.body, '') AS body, coalesce(later.bodies, '') AS later,
           seen.id AS seen
      FROM tickets t
      LEFT JOIN categories c ON c.id = t.category_id
      LEFT JOIN teams g ON g.id = t.team_id
      LEFT JOIN contacts p ON p.id = t.contact_id
      LEFT JOIN LATERAL (SELECT id, body FROM messages m WHERE m.ticket_id = t.id AND m.visibility = 'public'
                          ORDER BY m.created_at, m.id LIMIT 1) opening ON true
      LEFT JOIN LATERAL (SELECT string_agg(m.body, E'\n\n' ORDER BY m.created_at, m.id) AS bodies FROM messages m
                          WHERE m.ticket_id = t.id AND m.author_kind = 'customer' AND m.visibility = 'public'
                            AND m.id <> opening.id) later ON true
      LEFT JOIN LATERAL (SELECT id FROM messages m WHERE m.ticket_id = t.id AND m.author_kind = 'customer'
                          ORDER BY m.created_at DESC, m.id DESC LIMIT 1) seen ON true
     WHERE t.organization_id = :organization_id AND t.id = :ticket_id
""")


class QuestionGone(NotFound):
    """The ticket that asked is no longer there."""


@dataclass(frozen=True)
class Question:
    """What a requester asks, as it stood when it was read.

    Attributes:
        body: the first public message, as written.
        later: what the requester has added since, as written.
        decided_by: who decided which field.
        seen: the requester's latest message, for `events.conversation.confirm_unchanged`.
    """

    id: UUID
    subject: str
    body: str
    later: str
    status: TicketStatus
    priority: str
    type: str
    category: str | None
    team: str | None
    language: str | None
    decided_by: dict[str, Any]
    created_at: datetime
    requester: str | None
    requester_locale: str | None
    vip: bool
    seen: UUID | None

    @property
    def text(self) -> str:
        """Return the text the ticket's vector is made from."""
        return ticket_input(self.subject, self.body)

    @property
    def all_words(self) -> str:
        """Return everything the requester wrote, cleaned."""
        parts = (self.subject, clean_message(self.body), clean_message(self.later) if self.later else "")
        return "\n\n".join(part for part in parts if part)

    @property
    def spoken(self) -> str | None:
        """Return the language the requester writes, None when the words do not tell."""
        return detect_language(self.all_words, among=LANGUAGES)


async def read_question(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Question:
    """Return a ticket as a question; raise QuestionGone."""
    row = (
        (await session.execute(_READ, {"organization_id": organization_id, "ticket_id": ticket_id}))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise QuestionGone
    return Question(**(dict(row) | {"status": TicketStatus(row["status"])}))


async def vector_of(
    database: Database, embedder: Embedder, *, organization_id: UUID, question: Question, now: datetime
) -> NDArray[np.float32] | None:
    """Return the ticket's vector, made and kept if nobody needed it before; None where its text cannot have one.

    Raises:
        ModelBusy: there is no vector for now, because the runtime is away or not ready with its models.
    """
    words = question.text
    for candidate in (words, words[: len(words) // 2]):
        try:
            found = await vectors_for(
                database,
                embedder,
                organization_id=organization_id,
                texts=[candidate or "-"],
                now=now,
                as_passages=candidate == words,
            )
        except InputRefused:
            # Languages that the model spells out letter by letter fill it with half as many words.
            continue
        except ModelBusy:
            raise
        except Unavailable as away:
            raise ModelBusy(away.detail, retry_after=30) from away
        # With its note of the model that made it.
        return np.asanyarray(found[0], dtype=np.float32)
    return None


async def stored_vector_of(
    session: AsyncSession, *, organization_id: UUID, question: Question
) -> NDArray[np.float32] | None:
    """Return the ticket's vector as it is kept, or that of its passage in the index; None where there is neither.

    Nothing is embedded.
    """
    model = await active_model(session)
    if model is None:
        return None
    words = question.text
    hashes = [hash_of_input(model.query_prefix + part) for part in (words, words[: len(words) // 2])]
    kept = await stored_vectors(session, organization_id=organization_id, model=model, hashes=hashes)
    found = next((kept[key] for key in hashes if key in kept), None)
    if found is None:
        indexed = await own_vector(session, organization_id=organization_id, ticket_id=question.id, model=model)
        found = None if indexed is None else read_vector(indexed)
    return None if found is None else made_by(model.id, found)
