"""Tickets like a ticket, by meaning or, where there is no vector, by words; and how many of them wait right now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.halfvec import read_vector
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.embedding.vectors import hash_of_input, stored_vectors
from helpdesk.rag.graph.similar import SimilarTicket, own_vector, similar_tickets, tickets_like
from helpdesk.rag.questions import Question, read_question
from helpdesk.rag.retrieval.query import Audience, SearchQuery, visible_to
from helpdesk.rag.retrieval.search import search

# Among so many the open ones are counted.
MOST_COUNTED = 100


@dataclass(frozen=True)
class AlikeTickets:
    """What is like a ticket.

    Attributes:
        found_by: what was compared; words cannot tell two problems from one, nor an outage.
        tickets: the most alike first.
        waiting: the open ones among all alike tickets that were opened since `since`, the newest first; several at
            once are most probably one outage.
    """

    found_by: Literal["meaning", "words"]
    tickets: list[SimilarTicket]
    waiting: list[SimilarTicket]
    since: datetime


async def alike_tickets(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, most: int, within: timedelta, now: datetime
) -> AlikeTickets:
    """Return the tickets like a ticket; nothing is embedded for it.

    Args:
        most: of `tickets`.
        within: how long ago a ticket was opened at most to count as waiting.

    Raises:
        QuestionGone: there is no such ticket.
    """
    question = await read_question(session, organization_id=organization_id, ticket_id=ticket_id)
    since = now - within
    vector = await _stored_vector(session, organization_id, question)
    if vector is None:
        return AlikeTickets("words", await _by_words(session, organization_id, question, most), [], since)
    found = await similar_tickets(
        session, organization_id=organization_id, ticket_id=ticket_id, vector=vector, most=MOST_COUNTED
    )
    waiting = [ticket for ticket in found if ticket.is_open and ticket.created_at >= since]
    waiting.sort(key=lambda ticket: ticket.created_at, reverse=True)
    return AlikeTickets("meaning", found[:most], waiting, since)


async def _stored_vector(
    session: AsyncSession, organization_id: UUID, question: Question
) -> NDArray[np.float32] | None:
    """Return the ticket's vector from the index, or the one that somebody asked with; None where there is neither."""
    model = await active_model(session)
    if model is None:
        return None
    indexed = await own_vector(session, organization_id=organization_id, ticket_id=question.id, model=model)
    if indexed is not None:
        return read_vector(indexed)
    key = hash_of_input(model.query_prefix + question.text)
    kept = await stored_vectors(session, organization_id=organization_id, model=model, hashes=[key])
    return kept.get(key)


async def _by_words(session: AsyncSession, organization_id: UUID, question: Question, most: int) -> list[SimilarTicket]:
    query = SearchQuery(
        text=question.text,
        types=(SourceType.TICKET,),
        visibility=visible_to(Audience.AGENTS),
        limit=most,
        exclude_source=question.id,
    )
    answer = await search(session, organization_id=organization_id, query=query)
    return await tickets_like(
        session,
        organization_id=organization_id,
        ticket_id=question.id,
        similarities={result.source_id: None for result in answer.results},
        same_from=None,
        most=most,
    )
