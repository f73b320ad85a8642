"""From judged queries to what a fit learns from: each query's candidates, with what was said about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.retrieval.candidates import candidates_of, words_of_query
from helpdesk.rag.retrieval.fitting import UNJUDGED, Example
from helpdesk.rag.retrieval.fusion import features_of, given_logits
from helpdesk.rag.retrieval.judgements import JudgedQuery
from helpdesk.rag.retrieval.query import Audience, SearchQuery, visible_to
from helpdesk.rag.retrieval.ranking import evidence_of

Source = tuple[SourceType, UUID]


async def example_of(
    session: AsyncSession,
    *,
    organization_id: UUID,
    judged: JudgedQuery,
    vector: NDArray[np.float32],
    background: Mapping[str, tuple[float, float]],
    model_id: int | None = None,
) -> Example | None:
    """Return the candidates that a search for a judged query compares, None when there are none.

    Args:
        vector: of the query, by the model whose id is given, else by the active one.
    """
    query = SearchQuery(
        text=judged.text,
        vector=vector,
        types=tuple(sorted({source_type for source_type, _ in judged.relevant})),
        visibility=visible_to(Audience.AGENTS),
        exclude_source=judged.ticket_id,
        model_id=model_id,
    )
    rows = await candidates_of(session, organization_id=organization_id, query=query)
    if not rows or all(row["sim"] is None for row in rows):
        return None
    return make_example(rows, words=words_of_query(query), judged=judged, background=background)


def make_example(
    rows: Sequence[RowMapping],
    *,
    words: str,
    judged: JudgedQuery,
    background: Mapping[str, tuple[float, float]],
) -> Example:
    """Return candidates with what was said about their sources.

    What somebody listed as the whole answer leaves nothing open: all else does not answer. Feedback and citations tell
    of what was seen: what nobody judged counts as not answering too, but less, since it may answer as well.
    """
    sources = [(SourceType(row["source_type"]), row["source_id"]) for row in rows]
    documents = {document: place for place, document in enumerate(dict.fromkeys(row["document_id"] for row in rows))}
    evidence = evidence_of(rows, words=words)
    return Example(
        features=features_of(evidence, idf_mass=rows[0]["idf_mass"], background=background),
        documents=np.array([documents[row["document_id"]] for row in rows], dtype=np.int64),
        relevant=np.array([judged.relevant.get(source, False) for source in sources]),
        doubt=np.array([_doubt(source, judged) for source in sources]),
        answers=_answers(judged, sources),
        given=given_logits(evidence),
    )


def _doubt(source: Source, judged: JudgedQuery) -> float:
    return 1.0 if judged.complete or source in judged.relevant else UNJUDGED


def _answers(judged: JudgedQuery, found: Collection[Any]) -> int:
    """Count what answers: of feedback only what is still to be found, of a list all that it names."""
    named = [source for source, relevant in judged.relevant.items() if relevant]
    return len(named) if judged.complete else sum(source in found for source in named)
