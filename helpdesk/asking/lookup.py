"""Search for what answers a question, and read what was found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import Embedder
from helpdesk.answers.documents import Document, read_documents
from helpdesk.answers.evidence import Evidence, gather_evidence
from helpdesk.answers.standing import MOST_DOCUMENTS, in_the_askers_language
from helpdesk.asking.question import Asked, texts_to_search
from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.vectors import QueryVectors
from helpdesk.rag.questions import read_question
from helpdesk.rag.retrieval.query import Audience, SearchAnswer, SearchQuery, visible_to
from helpdesk.rag.retrieval.search import search


@dataclass(frozen=True)
class Found:
    """What a question found.

    Attributes:
        ticket: the words of the ticket it is asked for.
        searched: the words that were searched by.
    """

    ticket: str
    searched: str
    vector: NDArray[np.float32] | None
    answer: SearchAnswer
    documents: list[Document]


async def look_up(database: Database, query_vectors: QueryVectors, *, organization_id: UUID, asked: Asked) -> Found:
    """Search for a question, completed where it leans on others; raise QuestionGone for a ticket that is not there."""
    ticket = ""
    if asked.ticket_id is not None:
        async with database.transaction(organization_id) as session:
            read = await read_question(session, organization_id=organization_id, ticket_id=asked.ticket_id)
            ticket = read.text
    for words in texts_to_search(asked, ticket=ticket):
        vector = await query_vectors.vector_of(database, words, organization_id=organization_id)
        async with database.transaction(organization_id) as session:
            answer = await search(session, organization_id=organization_id, query=_query(asked, words, vector))
            ordered = in_the_askers_language(answer.results, asked.text)[:MOST_DOCUMENTS]
            documents = await read_documents(
                session, organization_id=organization_id, found=ordered, audience=asked.audience
            )
        found = Found(ticket, words, vector, answer, documents)
        if documents:
            break
    return found


def _query(asked: Asked, words: str, vector: NDArray[np.float32] | None) -> SearchQuery:
    return SearchQuery(
        text=words,
        vector=vector,
        types=types_for(asked),
        visibility=visible_to(asked.audience),
        exclude_source=asked.ticket_id,
        # A ticket that is still open answers nothing.
        filters=replace(asked.filters, settled=True) if SourceType.TICKET in types_for(asked) else asked.filters,
    )


def types_for(asked: Asked) -> tuple[SourceType, ...]:
    """Return the kinds of source to search: tickets are nobody's business but the agents'."""
    return asked.types if asked.audience is Audience.AGENTS else (SourceType.KB,)


async def evidence_for(
    database: Database, embedder: Embedder, found: Found, *, organization_id: UUID, now: datetime
) -> Evidence:
    """Choose what to quote of what was found."""
    return await gather_evidence(
        database,
        embedder,
        organization_id=organization_id,
        question=found.searched,
        vector=found.vector,
        documents=found.documents,
        now=now,
    )


def searched(asked: Asked, found: Found) -> dict[str, Any]:
    """Return where was searched for what, as it is told with an abstention and kept."""
    return {
        "words": found.searched,
        "types": [kind.value for kind in types_for(asked)],
        "audience": asked.audience.value,
        "filters": asked.filters.as_json(),
        "by": ["words"] if found.answer.degraded else ["words", "meaning"],
    }
