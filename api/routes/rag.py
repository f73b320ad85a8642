"""Search by meaning and by words, and the state of the index."""

from __future__ import annotations

import time
from dataclasses import replace

from fastapi import APIRouter, Request

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, ServicesOfApp, Visitor, read_for
from api.schemas.rag import (
    CoverageView,
    FailureView,
    FoundView,
    IndexModelView,
    IndexStatusView,
    NearMissView,
    SearchAnswerView,
    SearchBody,
    VectorIndexView,
)
from api.schemas.rag_index import ReasonView, UnembeddedView
from helpdesk.accounts.queries import SignedIn
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import models_in_service
from helpdesk.rag.indexing.status import index_report
from helpdesk.rag.maintenance.queries import vector_indexes
from helpdesk.rag.questions import read_question, stored_vector_of
from helpdesk.rag.retrieval.explaining import why_found
from helpdesk.rag.retrieval.query import SearchAnswer, SearchFilters, SearchQuery, SearchResult, visible_to
from helpdesk.rag.retrieval.search import search
from helpdesk.rag.retrieval.unanswered import note_unanswered

router = APIRouter(prefix="/rag", tags=["search"])


@router.post("/search", summary="Search", dependencies=[FROM_REPLICA])
async def search_sources(
    body: SearchBody, request: Request, services: ServicesOfApp, user: Visitor
) -> SearchAnswerView:
    """Find the passages that answer a query, by meaning, by words and by what alike tickets point to.

    "Nothing suitable" is an answer, too: then `abstained` is true and `reason` says why. Words that found nothing are
    remembered as a gap of the knowledge base. While the model runtime is away, words and graph alone decide, and
    `degraded` is true; so it is for a ticket that no vector is stored of yet.
    """
    started = time.perf_counter()
    query = await _query_of_words(body, services, user) if body.query else await _query_of_ticket(body, services, user)
    embedded = time.perf_counter()
    async with read_for(request, services, user) as session:
        answer = await search(session, organization_id=user.organization_id, query=query)
    if _shows_a_gap(body, answer):
        async with services.database.transaction(user.organization_id) as session:
            await note_unanswered(
                session,
                organization_id=user.organization_id,
                text=query.text,
                origin="search",
                best_relevance=answer.best_relevance,
                now=user.now,
            )
        await services.database.note_written(user.organization_id)
    return _view(body, answer, embed_ms=(embedded - started) * 1000)


async def _query_of_words(body: SearchBody, services: ServicesOfApp, user: SignedIn) -> SearchQuery:
    words = body.query or ""
    vector = await services.query_vectors.vector_of(services.database, words, organization_id=user.organization_id)
    return _query(body, SearchQuery(text=words, vector=vector, exclude_source=body.exclude_source))


async def _query_of_ticket(body: SearchBody, services: ServicesOfApp, user: SignedIn) -> SearchQuery:
    assert body.ticket_id is not None
    scope = {"organization_id": user.organization_id}
    async with services.database.transaction(user.organization_id) as session:
        question = await read_question(session, **scope, ticket_id=body.ticket_id)
        vector = await stored_vector_of(session, **scope, question=question)
    return _query(body, SearchQuery(text=question.text, vector=vector, exclude_source=question.id))


def _query(body: SearchBody, asked: SearchQuery) -> SearchQuery:
    filters = body.filters
    return replace(
        asked,
        types=tuple(body.types),
        visibility=visible_to(body.audience),
        limit=body.limit,
        offset=body.offset,
        filters=SearchFilters(
            tags=tuple(filters.tags),
            products=tuple(filters.products),
            category_id=filters.category_id,
            language=filters.language,
            settled=filters.settled,
        ),
        floor=0.0 if body.everything else asked.floor,
    )


def _shows_a_gap(body: SearchBody, answer: SearchAnswer) -> bool:
    """Tell whether words found nothing among all articles; a narrower search may miss what is there."""
    everything = body.filters.model_dump(exclude_defaults=True) == {} and SourceType.KB in body.types
    return body.query is not None and everything and answer.abstained and not answer.degraded


def _view(body: SearchBody, answer: SearchAnswer, *, embed_ms: float) -> SearchAnswerView:
    return SearchAnswerView(
        results=[_found(result, explain=body.explain) for result in answer.results],
        more=answer.found > body.offset + len(answer.results),
        abstained=answer.abstained,
        reason=answer.reason,
        degraded=answer.degraded,
        model=answer.model,
        took_ms={"embed": round(embed_ms, 1)} | answer.took_ms,
        missed=[NearMissView.model_validate(one) for one in answer.missed] if body.explain else [],
    )


def _found(result: SearchResult, *, explain: bool) -> FoundView:
    view = FoundView.model_validate(result)
    view.why = why_found(result.signals) if explain else None
    return view


@router.get("/status", summary="State of the index")
async def index_status(session: ReadSession, services: ServicesOfApp, user: CurrentUser, now: Now) -> IndexStatusView:
    """Read how complete and how fresh the organisation's index is, what waits or has failed, and what searches use."""
    report = await index_report(
        session,
        organization_id=user.organization_id,
        now=now,
        open_tickets=services.settings.rag_index_on_ticket_create,
    )
    graphs = await vector_indexes(session, organization_id=user.organization_id)
    return IndexStatusView(
        model=report.model.name if report.model else None,
        coverage=[CoverageView.model_validate(each) for each in report.coverage],
        pending=report.pending,
        running=report.running,
        failed=report.failed,
        lag_s=report.lag_s,
        rate_per_s=report.rate_per_s,
        eta_s=report.eta_s,
        waits_for=report.waits_for,
        next_try_at=report.next_try_at,
        last_error=report.last_error,
        reasons=[ReasonView.model_validate(each) for each in report.reasons],
        failures=[FailureView.model_validate(each) for each in report.failures],
        without_vector=report.without_vector,
        unembedded=[UnembeddedView.model_validate(each) for each in report.unembedded],
        files=report.files,
        models=[IndexModelView.model_validate(each) for each in await models_in_service(session)],
        vector_indexes=[VectorIndexView.model_validate(each) for each in graphs],
    )
