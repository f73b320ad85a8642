"""What a reply may be made of: published articles that customers may read and that answer the ticket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import ModelBusy
from helpdesk.answers.documents import read_documents
from helpdesk.answers.evidence import Evidence, Source, gather_evidence
from helpdesk.answers.standing import MOST_DOCUMENTS, in_the_askers_language
from helpdesk.models.values import SourceType
from helpdesk.rag.questions import Question, vector_of
from helpdesk.rag.retrieval.query import Audience, SearchAnswer, SearchQuery, visible_to
from helpdesk.rag.retrieval.search import search
from helpdesk.replies.drafting import Drafting

_QUOTE_CHARS = 600


@dataclass(frozen=True)
class Found:
    """What was searched and what it brought; the evidence is empty where nothing answers."""

    question: Question
    answer: SearchAnswer
    evidence: Evidence

    @property
    def degraded(self) -> bool:
        """Return whether there were no vectors, so that words alone decided."""
        return self.answer.degraded or self.evidence.by_words

    @property
    def searched(self) -> dict[str, Any]:
        """Return where was searched for what, as it is told and kept."""
        return {
            "words": self.question.text,
            "types": [SourceType.KB.value],
            "audience": Audience.CUSTOMERS.value,
            "by": ["words"] if self.answer.degraded else ["words", "meaning"],
            "best_relevance": self.answer.best_relevance and round(self.answer.best_relevance, 4),
        }


async def look_up(drafting: Drafting, question: Question) -> Found:
    """Search for what answers a ticket, and choose what of it to quote; no transaction is open during a call.

    Raises:
        ModelBusy: there are no vectors for now, and nobody waits for the draft.
    """
    vector = await _vector(drafting, question)
    query = SearchQuery(
        text=question.text,
        vector=vector,
        types=(SourceType.KB,),
        visibility=visible_to(Audience.CUSTOMERS),
        limit=MOST_DOCUMENTS,
        # What it was answered with before is no sign of what answers it.
        exclude_source=question.id,
    )
    organization_id = drafting.organization_id
    async with drafting.database.transaction(organization_id) as session:
        answer = await search(session, organization_id=organization_id, query=query)
        documents = await read_documents(
            session,
            organization_id=organization_id,
            found=in_the_askers_language(answer.results, question.all_words),
            audience=Audience.CUSTOMERS,
        )
    evidence = await gather_evidence(
        drafting.database,
        drafting.models.embedder,
        organization_id=organization_id,
        question=question.text,
        vector=vector,
        documents=documents,
        now=drafting.now,
    )
    return Found(question, answer, evidence)


async def _vector(drafting: Drafting, question: Question) -> NDArray[np.float32] | None:
    try:
        return await vector_of(
            drafting.database,
            drafting.models.embedder,
            organization_id=drafting.organization_id,
            question=question,
            now=drafting.now,
        )
    except ModelBusy:
        # A job comes back when there are vectors; a person gets what words find.
        if drafting.interactive:
            return None
        raise


def source_json(source: Source) -> dict[str, Any]:
    """Return a source as it is kept with a draft."""
    quote = " ".join(unit.text for unit in source.units)[:_QUOTE_CHARS]
    return source.as_json() | {"article_id": str(source.document.found.source_id), "quote": quote}
