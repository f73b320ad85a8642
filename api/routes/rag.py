"""Search by meaning and by words, and the state of the index."""

from __future__ import annotations

import time

from fastapi import APIRouter

from api.dependencies import CurrentUser, Now, ReadSession, ServicesOfApp, Visitor
from api.schemas.rag import CoverageView, FailureView, IndexStatusView, SearchAnswerView, SearchBody
from helpdesk.rag.indexing.status import index_report
from helpdesk.rag.retrieval.query import SearchQuery
from helpdesk.rag.retrieval.search import search

router = APIRouter(prefix="/rag", tags=["search"])


@router.post("/search", summary="Search")
async def search_sources(body: SearchBody, services: ServicesOfApp, user: Visitor) -> SearchAnswerView:
    """Find the passages that answer a query; "nothing suitable" is an answer, too."""
    started = time.perf_counter()
    vector = await services.query_vectors.vector_of(services.database, body.query, organization_id=user.organization_id)
    embedded = time.perf_counter()
    query = SearchQuery(
        text=body.query,
        vector=vector,
        types=tuple(body.types),
        visibility=("public", "internal") if body.audience == "agents" else ("public",),
        limit=body.limit,
        exclude_source=body.exclude_source,
        **({"floor": 0.0} if body.everything else {}),
    )
    async with services.database.transaction(user.organization_id) as session:
        answer = await search(session, organization_id=user.organization_id, query=query)
    view = SearchAnswerView.model_validate(answer)
    view.took_ms = {"embed": round((embedded - started) * 1000, 1)} | view.took_ms
    return view


@router.get("/status", summary="State of the index")
async def index_status(session: ReadSession, user: CurrentUser, now: Now) -> IndexStatusView:
    """Read how complete and how fresh the organisation's index is, and what waits or has failed."""
    report = await index_report(session, organization_id=user.organization_id, now=now)
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
        failures=[FailureView.model_validate(each) for each in report.failures],
    )
