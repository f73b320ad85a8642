"""Find what the knowledge base lacks: gather what was asked in vain, put like with like, leave what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder, InputRefused
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable
from helpdesk.kb.gaps.clusters import (
    BY_WORDS,
    Closeness,
    by_vectors,
    clusters_of,
    similarities_of_vectors,
    similarities_of_words,
    typical_of,
)
from helpdesk.kb.gaps.labels import Label, Vocabulary
from helpdesk.kb.gaps.questions import AskedQuestion, unanswered_questions
from helpdesk.kb.gaps.writes import FoundGap, Sample, write_gaps
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.embedding.vectors import BATCH_INPUTS, vectors_for
from helpdesk.rag.retrieval.query import Audience, SearchQuery, visible_to
from helpdesk.rag.retrieval.search import search
from helpdesk.redaction import redacted

log = structlog.get_logger(__name__)

Complete = Callable[..., Awaitable[None]]
Tell = Callable[[float, str], Awaitable[None]]

# Two questions may be a coincidence; the same one on three days is not.
LEAST_QUESTIONS = 3
MOST_SAMPLES = 5
# The largest ones; nobody writes more articles between two runs.
_MOST_GAPS = 200
# Samples that are searched for, and how probable it must be that an article answers one.
_PROBES = 3
_ANSWERED = 0.5


@dataclass(frozen=True)
class _Compared:
    """Questions with what there is to compare them by; a vector that could not be made is missing with its question."""

    questions: Sequence[AskedQuestion]
    vectors: NDArray[np.float32] | None
    similarity: NDArray[np.float32]
    closeness: Closeness


async def find_gaps(
    database: Database,
    embedder: Embedder,
    *,
    organization_id: UUID,
    days: int,
    now: datetime,
    complete: Complete,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Bring the list of knowledge gaps up to date, and return how many questions, gaps and closed gaps there are.

    Questions are compared by meaning, or by words where the model runtime is away. A cluster keeps the gap that most
    of its questions were in; a gap whose typical questions an article answers by now is closed.

    Args:
        days: how far back questions count.
        complete: called in the transaction of the result.
        tell: called with per cent and words as the work goes on.
    """
    tell = tell or _tell_nobody
    async with database.transaction(organization_id) as session:
        questions = await unanswered_questions(session, organization_id=organization_id, days=days, now=now)
    await tell(5, f"{len(questions)} questions")
    compared = await _compare(database, embedder, questions, organization_id=organization_id, now=now, tell=tell)
    # Seconds for some thousand questions, in which the worker must go on.
    found = await asyncio.to_thread(_found_gaps, compared)
    await tell(70, f"{len(found)} clusters")
    answers = []
    for place, gap in enumerate(found):
        async with database.transaction(organization_id) as session:
            answers.append(await _answer_to(session, organization_id, gap))
        await tell(70 + 25 * (place + 1) / len(found), f"{place + 1} of {len(found)} clusters searched for")
    async with database.transaction(organization_id) as session:
        written = await write_gaps(session, organization_id=organization_id, found=found, answers=answers, now=now)
        result = {"questions": len(compared.questions), "by_words": compared.vectors is None, **written.as_result()}
        await complete(session, result=result)
    log.info("knowledge_gaps_found", organization_id=str(organization_id), **result)
    return result


async def _tell_nobody(percent: float, message: str) -> None:
    """Take note of nothing: nobody watches."""


async def _compare(
    database: Database,
    embedder: Embedder,
    questions: Sequence[AskedQuestion],
    *,
    organization_id: UUID,
    now: datetime,
    tell: Tell,
) -> _Compared:
    if len(questions) < LEAST_QUESTIONS and not any(question.days > 1 for question in questions):
        return _Compared([], None, np.zeros((0, 0), np.float32), BY_WORDS)
    try:
        kept, vectors = await _vectors(database, embedder, questions, organization_id, now=now, tell=tell)
        async with database.transaction(organization_id) as session:
            model = await active_model(session)
    except Unavailable as away:
        log.warning("gaps_found_by_words", reason=away.detail)
        model = None
    if model is None or not kept:
        similarity = await asyncio.to_thread(similarities_of_words, [question.text for question in questions])
        return _Compared(questions, None, similarity, BY_WORDS)
    similarity = similarities_of_vectors(vectors)
    return _Compared(kept, vectors, similarity, by_vectors(similarity, model=model.name))


async def _vectors(
    database: Database,
    embedder: Embedder,
    questions: Sequence[AskedQuestion],
    organization_id: UUID,
    *,
    now: datetime,
    tell: Tell,
) -> tuple[list[AskedQuestion], NDArray[np.float32]]:
    """Return the questions that have a vector with their vectors, unit length; a batch that is refused goes singly."""
    kept: list[AskedQuestion] = []
    rows: list[NDArray[np.float32]] = []
    for start in range(0, len(questions), BATCH_INPUTS):
        batch = questions[start : start + BATCH_INPUTS]
        scope: dict[str, Any] = {"organization_id": organization_id, "now": now}
        try:
            rows.extend(await vectors_for(database, embedder, texts=[one.text or "-" for one in batch], **scope))
            kept.extend(batch)
        except InputRefused:
            for one in batch:
                if (vector := await _alone(database, embedder, one, scope)) is not None:
                    rows.append(vector)
                    kept.append(one)
        await tell(5 + 60 * min(1.0, (start + len(batch)) / len(questions)), f"{len(kept)} questions compared")
    if not rows:
        return [], np.zeros((0, 0), np.float32)
    stacked = np.stack(rows).astype(np.float32)
    return kept, stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-9)


async def _alone(
    database: Database, embedder: Embedder, question: AskedQuestion, scope: dict[str, Any]
) -> NDArray[np.float32] | None:
    try:
        vectors = await vectors_for(database, embedder, texts=[question.text or "-"], **scope)
    except InputRefused:
        return None
    return np.asarray(vectors[0])


def _found_gaps(compared: _Compared) -> list[FoundGap]:
    """Return the clusters that are worth an article, the most asked first."""
    questions = compared.questions
    clusters = clusters_of(compared.similarity, compared.closeness)
    inside = {place for cluster in clusters for place in cluster}
    clusters += [[place] for place in range(len(questions)) if place not in inside]
    worth = [cluster for cluster in clusters if sum(questions[place].days for place in cluster) >= LEAST_QUESTIONS]
    worth.sort(key=lambda cluster: (-sum(questions[place].times for place in cluster), questions[cluster[0]].key))
    vocabulary = Vocabulary([redacted(question.text) for question in questions])
    return [_gap(compared, cluster, vocabulary.label_of(cluster)) for cluster in worth[:_MOST_GAPS]]


def _gap(compared: _Compared, cluster: Sequence[int], label: Label) -> FoundGap:
    typical = typical_of(compared.similarity, cluster, most=MOST_SAMPLES)
    samples = [
        Sample(compared.questions[place], None if compared.vectors is None else compared.vectors[place])
        for place in typical
    ]
    if not label.terms:
        words = redacted(samples[0].question.text).splitlines()[0][:80]
        label = Label(words, ())
    return FoundGap(label, [compared.questions[place] for place in cluster], samples)


async def _answer_to(session: AsyncSession, organization_id: UUID, gap: FoundGap) -> UUID | None:
    """Return the article that answers most of a gap's typical questions; None while one of them has no answer."""
    answers: list[UUID] = []
    for sample in gap.samples[:_PROBES]:
        query = SearchQuery(
            text=sample.question.text,
            vector=sample.vector,
            types=(SourceType.KB,),
            visibility=visible_to(Audience.AGENTS),
            limit=1,
            floor=_ANSWERED,
            # What alike tickets point to is no proof that the article says it.
            graph=False,
        )
        answer = await search(session, organization_id=organization_id, query=query)
        if not answer.results:
            return None
        answers.append(answer.results[0].source_id)
    return max(dict.fromkeys(answers), key=answers.count)
