"""The API: one FastAPI application over the product."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from api import documentation, openapi, problems
from api.middleware import Limits, RequestLine
from api.release import release
from api.routes import (
    ai_learning,
    ai_policy,
    ai_providers,
    ai_runs,
    ask,
    assets,
    attachments,
    auth,
    bulk_jobs,
    calendar_previews,
    calendars,
    drafts,
    events,
    gaps,
    graph,
    health,
    holidays,
    job_events,
    job_files,
    jobs,
    kb,
    kb_feedback,
    kb_files,
    kb_publishing,
    kb_versions,
    metrics,
    notification_preferences,
    notification_stream,
    notifications,
    organization,
    policies,
    queue_figures,
    queues,
    rag,
    rag_index,
    rag_models,
    replies,
    reports,
    satisfaction,
    sla,
    sla_explain,
    sla_proofs,
    suggestions,
    ticket_merging,
    ticket_similar,
    tickets,
    triage,
    watchers,
    webhooks,
)
from api.services import open_services
from helpdesk.settings import Settings

PREFIX = "/api/v1"
_ROUTERS: tuple[APIRouter, ...] = (
    auth.router,
    tickets.router,
    ticket_merging.router,
    ticket_similar.router,
    watchers.router,
    attachments.router,
    triage.router,
    ai_policy.router,
    replies.router,
    drafts.router,
    kb.router,
    kb_publishing.router,
    kb_versions.router,
    kb_feedback.router,
    kb_files.router,
    suggestions.router,
    gaps.router,
    rag.router,
    rag_index.router,
    rag_models.router,
    graph.router,
    ask.router,
    ai_learning.router,
    ai_providers.router,
    ai_runs.router,
    assets.router,
    sla.router,
    sla_explain.router,
    sla_proofs.router,
    reports.router,
    policies.router,
    # Its paths first: beneath /calendars, anything else is taken for the id of one.
    holidays.router,
    calendars.router,
    calendar_previews.router,
    # Their paths first: beneath /jobs, anything else is taken for the id of a job.
    queue_figures.router,
    bulk_jobs.router,
    job_events.router,
    jobs.router,
    job_files.router,
    queues.router,
    metrics.router,
    satisfaction.router,
    # Their paths first: beneath /notifications, anything else is taken for the id of one.
    notification_preferences.router,
    notification_stream.router,
    notifications.router,
    webhooks.router,
    events.router,
    organization.router,
    health.router,
)


def create_app(settings: Settings) -> FastAPI:
    """Return the application; its connections open with its lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings) as services:
            app.state.services = services
            yield

    app = FastAPI(
        title="Atum Desk",
        summary="Tickets that are triaged, answered in draft and watched by their SLA.",
        description=openapi.DESCRIPTION,
        version=release(),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=openapi.TAGS,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    for router in _ROUTERS:
        app.include_router(router, prefix=PREFIX)
    app.include_router(documentation.router)
    problems.install(app)
    openapi.install(app)
    # The last one added is the outermost: what the limit refuses is named and logged as well.
    app.add_middleware(Limits, most_uploaded_bytes=settings.attachment_max_bytes)
    app.add_middleware(RequestLine)
    return app
