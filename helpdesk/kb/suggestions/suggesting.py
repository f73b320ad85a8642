"""Suggest articles for a ticket, each with the reason why; or say that there are none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import ModelBusy, Models
from helpdesk.database.engine import Database
from helpdesk.errors import Conflict
from helpdesk.events.conversation import confirm_unchanged
from helpdesk.kb.suggestions.floor import WANTED_PRECISION, floor_for
from helpdesk.kb.suggestions.sets import Offer, has_set, store_offer
from helpdesk.models.ai import KbSuggestionSet
from helpdesk.models.values import SourceType, TicketStatus
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.graph.similar import SimilarTicket, similar_tickets
from helpdesk.rag.questions import Question, read_question, vector_of
from helpdesk.rag.retrieval.query import Audience, SearchQuery, visible_to
from helpdesk.rag.retrieval.search import search

log = structlog.get_logger(__name__)

MOST_SUGGESTIONS = 5
# A model that is only being loaded is there by then; whoever opens the ticket later finds something.
PATIENCE = timedelta(seconds=15)


class TicketSettled(Conflict):
    """The ticket was settled before articles were looked for."""


async def suggest_articles(
    database: Database,
    models: Models,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
    asked_at: datetime | None = None,
    wanted_precision: float = WANTED_PRECISION,
) -> None:
    """Store at most five published articles that answer a ticket, in place of those suggested before.

    A ticket that has waited 15 seconds for its vector and has no suggestions yet gets those that words alone find;
    they are replaced as soon as there are vectors.

    Args:
        asked_at: since when the suggestions are waited for.
        wanted_precision: share of shown suggestions that should be of use, where feedback can tell.

    Raises:
        QuestionGone, TicketGone, TicketSettled: there is nothing to suggest for.
        TicketMovedOn: the requester wrote more meanwhile; try again.
        ModelBusy: there are no vectors for now.
    """
    async with database.transaction(organization_id) as session:
        question = await read_question(session, organization_id=organization_id, ticket_id=ticket_id)
    if question.status in {TicketStatus.SOLVED, TicketStatus.CLOSED}:
        raise TicketSettled
    try:
        vector = await vector_of(database, models.embedder, organization_id=organization_id, question=question, now=now)
    except ModelBusy:
        if now - (asked_at or now) >= PATIENCE:
            async with database.transaction(organization_id) as session:
                if not await has_set(session, organization_id=organization_id, ticket_id=ticket_id):
                    await _offer(session, organization_id, question, None, wanted=wanted_precision, now=now)
        raise
    async with database.transaction(organization_id) as session:
        made = await _offer(session, organization_id, question, vector, wanted=wanted_precision, now=now)
        await complete(session)
    log.info("articles_suggested", ticket_id=str(ticket_id), abstained=made.abstained, degraded=made.degraded)


async def _offer(
    session: AsyncSession,
    organization_id: UUID,
    question: Question,
    vector: NDArray[np.float32] | None,
    *,
    wanted: float,
    now: datetime,
) -> KbSuggestionSet:
    model = None if vector is None else await active_model(session)
    name = None if model is None else model.name
    floor = await floor_for(session, organization_id=organization_id, model=name, wanted=wanted, now=now)
    # Agents read the suggestions, so what only agents may read is among them.
    query = SearchQuery(
        text=question.text,
        vector=vector,
        types=(SourceType.KB,),
        visibility=visible_to(Audience.AGENTS),
        limit=MOST_SUGGESTIONS,
        floor=floor.value,
    )
    answer = await search(session, organization_id=organization_id, query=query)
    duplicates: list[SimilarTicket] = []
    if vector is not None:
        duplicates = await similar_tickets(
            session, organization_id=organization_id, ticket_id=question.id, vector=vector
        )
    if answer.degraded and not answer.results:
        reason = f"Only words were searched, since there are no vectors for now. {answer.reason}"
        answer = replace(answer, reason=reason)
    await confirm_unchanged(session, organization_id=organization_id, ticket_id=question.id, seen=question.seen)
    offer = Offer(question, answer, floor, duplicates)
    return await store_offer(session, organization_id=organization_id, offer=offer, now=now)
