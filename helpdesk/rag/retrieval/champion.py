"""Fit an organisation's ranking to its judgements, and promote it where it is not worse than what is active."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.rag.embedding.models import ActiveModel, active_model
from helpdesk.rag.embedding.vectors import TICKET_INPUT_CHARS, vectors_for
from helpdesk.rag.retrieval.contest import Verdict, contest
from helpdesk.rag.retrieval.fitted import kind_of, weights_for, write_weights
from helpdesk.rag.retrieval.fitting import LEAST_QUERIES, Example
from helpdesk.rag.retrieval.fitting_examples import example_of
from helpdesk.rag.retrieval.fusion_weights import Weights, shipped_weights
from helpdesk.rag.retrieval.judgements import JudgedQuery, judged_queries
from helpdesk.rag.text.cleaning import clean_text

log = structlog.get_logger(__name__)

# More change little, and each costs a search.
_MOST_QUERIES = 400

_FITTED_AT = text("""
    SELECT max(created_at) FROM ml_models
     WHERE organization_id = :organization_id AND kind = :kind AND state = 'champion'
""")
# Two fits at once must not both count the same version.
_LOCK = text("""
    SELECT pg_advisory_xact_lock(hashtextextended(CAST(:kind AS text) || CAST(:organization_id AS uuid)::text, 0))
""")
_RETIRE = text("""
    UPDATE ml_models SET state = 'retired'
     WHERE organization_id = :organization_id AND kind = :kind AND state = 'champion'
""")
# Of those that were not promoted the last one is enough to see why.
_FORGET_CHALLENGERS = text("""
    DELETE FROM ml_models WHERE organization_id = :organization_id AND kind = :kind AND state = 'challenger'
""")
_STORE = text("""
    INSERT INTO ml_models (id, organization_id, kind, version, weights, metrics, trained_on, state, created_at)
    SELECT :id, :organization_id, :kind, coalesce(max(version), 0) + 1, :weights, :metrics, :trained_on, :state, :now
      FROM ml_models WHERE organization_id = :organization_id AND kind = :kind
""").bindparams(bindparam("metrics", type_=JSONB))


@dataclass(frozen=True)
class FitReport:
    """What became of a fit.

    Attributes:
        queries: judged queries that could teach something.
        promoted: whether the fitted weights rank from now on.
        reason: in a sentence.
        metrics: nDCG@10 and log loss of the active and the fitted weights on queries that neither was fitted to.
    """

    queries: int
    promoted: bool
    reason: str
    metrics: dict[str, float]


async def fit_organization(
    database: Database,
    embedder: Embedder,
    *,
    organization_id: UUID,
    now: datetime,
    model: ActiveModel | None = None,
) -> FitReport:
    """Fit the weights of an organisation and an embedding model to what its people judged.

    The winner is stored as champion, a loser as challenger with its figures. No transaction is open while texts are
    embedded or weights are fitted.

    Args:
        model: the active one unless another is given, such as one that is to take its place.

    Raises:
        ModelBusy, ModelMissing, EmbeddingModelChanged: judged queries cannot be embedded for now.
    """
    async with database.transaction(organization_id) as session:
        model = model or await active_model(session)
        judged = await judged_queries(session, organization_id=organization_id, most=_MOST_QUERIES)
    usable = [query for query in judged if any(query.relevant.values())]
    if model is None or len(usable) < LEAST_QUERIES:
        return FitReport(len(usable), False, f"{len(usable)} judged queries are too few; {LEAST_QUERIES} suffice.", {})
    texts = [clean_text(query.text)[:TICKET_INPUT_CHARS] for query in usable]
    vectors = await vectors_for(database, embedder, organization_id=organization_id, texts=texts, now=now, model=model)
    async with database.transaction(organization_id) as session:
        active, fresh_from = await _active(session, organization_id, model)
        examples: list[tuple[JudgedQuery, Example]] = []
        for query, vector in zip(usable, vectors, strict=True):
            example = await example_of(
                session,
                organization_id=organization_id,
                judged=query,
                vector=vector,
                background=active.background,
                model_id=model.id,
            )
            if example is not None and example.answers:
                examples.append((query, example))
    if len(examples) < LEAST_QUERIES:
        return FitReport(len(examples), False, "What was judged is hardly to be found any more.", {})
    fresh = [fresh_from is None or query.judged_at > fresh_from for query, _ in examples]
    verdict = await asyncio.to_thread(_decide, [example for _, example in examples], active, model, fresh)
    async with database.transaction(organization_id) as session:
        await _store(session, organization_id, model, verdict, trained_on=len(examples), now=now)
    log.info("relevance_fitted", judged=len(examples), promoted=verdict.promoted, **verdict.metrics)
    return FitReport(len(examples), verdict.promoted, verdict.reason, verdict.metrics)


def _decide(examples: Sequence[Example], active: Weights, model: ActiveModel, fresh: Sequence[bool]) -> Verdict:
    return contest(examples, active=active, shipped=shipped_weights(model.name), fresh=fresh)


async def _active(session: AsyncSession, organization_id: UUID, model: ActiveModel) -> tuple[Weights, datetime | None]:
    scope = {"organization_id": organization_id, "kind": kind_of(model)}
    fitted_at = (await session.execute(_FITTED_AT, scope)).scalar_one()
    return await weights_for(session, organization_id=organization_id, model=model), fitted_at


async def _store(
    session: AsyncSession,
    organization_id: UUID,
    model: ActiveModel,
    verdict: Verdict,
    *,
    trained_on: int,
    now: datetime,
) -> None:
    scope: dict[str, Any] = {"organization_id": organization_id, "kind": kind_of(model)}
    await session.execute(_LOCK, scope)
    await session.execute(_FORGET_CHALLENGERS, scope)
    if verdict.promoted:
        await session.execute(_RETIRE, scope)
    row = {
        "id": new_id(),
        "weights": write_weights(verdict.weights),
        "metrics": verdict.metrics | {"reason": verdict.reason},
        "trained_on": trained_on,
        "state": "champion" if verdict.promoted else "challenger",
        "now": now,
    }
    await session.execute(_STORE, scope | row)
