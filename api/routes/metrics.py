"""Figures over time."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, status
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, ServicesOfApp, Transaction, Visitor, needs
from api.schemas.metrics import (
    BackfillView,
    LineView,
    MetricView,
    NewBackfill,
    PointView,
    SeriesView,
    SnapshotView,
    SummaryView,
)
from helpdesk.accounts.queries import SignedIn
from helpdesk.accounts.roles import is_at_least
from helpdesk.metrics.backfill import ask_for_backfill
from helpdesk.metrics.buckets import Granularity
from helpdesk.metrics.catalogue import BY_NAME, CATALOGUE, known
from helpdesk.metrics.export import csv_of_series
from helpdesk.metrics.names import names_of
from helpdesk.metrics.queries import list_snapshots, metric_names, read_series
from helpdesk.metrics.slices import Slice
from helpdesk.metrics.spans import Reader, series_span, summary_span
from helpdesk.metrics.summary import summarise
from helpdesk.models.values import UserRole

router = APIRouter(prefix="/metrics", tags=["metrics"])
_USUAL_SPAN = timedelta(hours=24)
_USUAL_PERIOD = timedelta(days=28)

Metrics = Annotated[list[str] | None, Query(description="Only these; all when left out.", max_length=60)]
Since = Annotated[AwareDatetime | None, Query(description="28 days before `until` when left out.")]
Until = Annotated[AwareDatetime | None, Query(description="Exclusive; now when left out.")]
By = Annotated[Slice | None, Query(description="Also for each value of this slice.")]
_CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "A table.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.get("/snapshots", summary="Read figures of buckets", dependencies=[FROM_REPLICA])
async def snapshots(
    *,
    session: ReadSession,
    user: CurrentUser,
    now: Now,
    metric: Metrics = None,
    since: Annotated[AwareDatetime | None, Query(description="24 hours before `until` when left out.")] = None,
    until: Until = None,
    granularity: Granularity = Granularity.QUARTER,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[SnapshotView]:
    """Read the figures of the buckets from `since` to `until`, by time, as they are kept."""
    end = until or now
    found = await list_snapshots(
        session,
        organization_id=user.organization_id,
        since=since or end - _USUAL_SPAN,
        until=end,
        metrics=known(metric or ()),
        granularity=granularity,
        limit=limit,
        reader=_reader(user),
    )
    return [SnapshotView.model_validate(row) for row in found]


@router.get("/names", summary="List metrics that have figures", dependencies=[FROM_REPLICA])
async def names(session: ReadSession, user: CurrentUser) -> list[str]:
    """Read the names of the metrics that there are figures of."""
    return list(await metric_names(session, organization_id=user.organization_id))


@router.get("/catalogue", summary="Read what metrics there are")
async def catalogue(_user: CurrentUser) -> list[MetricView]:
    """Read every metric's meaning and unit, what it is split by, and when its figures may still change."""
    return [MetricView.of(metric) for metric in CATALOGUE]


class _Asked:
    """The period and the metrics of a summary."""

    def __init__(self, now: Now, metric: Metrics = None, since: Since = None, until: Until = None) -> None:
        end = until or now
        self.span = summary_span(since or end - _USUAL_PERIOD, end)
        self.metrics = known(metric or ())


Asked = Annotated[_Asked, Depends(scope="function")]


@router.get("/summary", summary="Sum a period up", dependencies=[FROM_REPLICA])
async def summary(session: ReadSession, user: CurrentUser, now: Now, asked: Asked, by: By = None) -> SummaryView:
    """Read the figures of a period of up to 400 days, beside those of the period of the same length before it.

    They are computed from what happened, not from buckets; tickets count by what they were when the period ended.
    """
    return await _summary(session, user, now, asked, by)


@router.get("/agents", summary="Sum a period up by agent", dependencies=[FROM_REPLICA])
async def agents(session: ReadSession, user: CurrentUser, now: Now, asked: Asked) -> SummaryView:
    """Read the figures of a period for each agent; who is neither lead nor administrator sees their own only."""
    return await _summary(session, user, now, asked, Slice.AGENT)


@router.get("/companies", summary="Sum a period up by company", dependencies=[FROM_REPLICA])
async def companies(session: ReadSession, user: CurrentUser, now: Now, asked: Asked) -> SummaryView:
    """Read the figures of a period for each company with any, those with most happening first."""
    return await _summary(session, user, now, asked, Slice.COMPANY)


@router.get("/ai", summary="Sum up what models did", dependencies=[FROM_REPLICA])
async def models(session: ReadSession, user: CurrentUser, now: Now, asked: Asked, by: By = None) -> SummaryView:
    """Read what triage, suggestions and drafts did in a period and what people made of it, and how queues lagged."""
    return await _summary(session, user, now, asked, by, models_only=True)


@router.get("/series", summary="Read figures over time", dependencies=[FROM_REPLICA])
async def series(
    *,
    session: ReadSession,
    user: CurrentUser,
    now: Now,
    metric: Annotated[list[str], Query(description="One or more.", min_length=1, max_length=10)],
    granularity: Granularity = Granularity.DAY,
    since: Since = None,
    until: Until = None,
    by: By = None,
) -> SeriesView:
    """Read metrics bucket by bucket: of up to 31 days by quarters of an hour, of up to 1,100 days by days."""
    end = until or now
    begin = since or end - _USUAL_PERIOD
    span = series_span(begin, end, granularity)
    rows = await read_series(
        session,
        organization_id=user.organization_id,
        metrics=known(metric),
        span=span,
        granularity=granularity,
        by=by,
        reader=_reader(user),
    )
    lines: dict[tuple[str, str | None], list[PointView]] = {}
    for row in rows:
        key = row.dimensions[by] if by else None
        point = PointView(bucket_start=row.bucket_start, value=row.value, count=row.count)
        lines.setdefault((row.metric, key), []).append(point)
    keys = {key for _, key in lines if key}
    called = await names_of(session, organization_id=user.organization_id, by=by, keys=keys) if by else {}
    return SeriesView(
        since=span.since,
        until=span.until,
        granularity=granularity,
        by=by,
        lines=[
            LineView(metric=name, unit=BY_NAME[name].unit, key=key, name=called.get(key or ""), points=points)
            for (name, key), points in lines.items()
        ],
    )


@router.get("/export.csv", summary="Export figures of buckets", response_class=StreamingResponse, responses=_CSV)
async def export(
    *,
    services: ServicesOfApp,
    user: Visitor,
    metric: Metrics = None,
    granularity: Granularity = Granularity.DAY,
    since: Since = None,
    until: Until = None,
) -> StreamingResponse:
    """Read the figures of buckets with all their slices as a table, however many there are."""
    end = until or user.now
    span = series_span(since or end - _USUAL_PERIOD, end, granularity)
    pieces = csv_of_series(
        services.database,
        organization_id=user.organization_id,
        span=span,
        granularity=granularity,
        metrics=known(metric or ()),
        reader=_reader(user),
    )
    name = f"metrics-{span.since:%Y-%m-%d}-to-{span.until:%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


@router.post(
    "/backfill",
    status_code=status.HTTP_202_ACCEPTED,
    summary="Take figures of the past",
    dependencies=[needs(UserRole.ADMIN)],
)
async def backfill(body: NewBackfill, session: Transaction, user: CurrentUser, now: Now) -> BackfillView:
    """Have the figures of up to 731 days taken anew, day by day, by one job; `GET /jobs/{id}` tells how far it is."""
    job_id = await ask_for_backfill(
        session, organization_id=user.organization_id, since=body.since, until=body.until, now=now
    )
    return BackfillView(job_id=job_id)


async def _summary(
    session: ReadSession, user: SignedIn, now: Now, asked: _Asked, by: Slice | None, *, models_only: bool = False
) -> SummaryView:
    found = await summarise(
        session,
        organization_id=user.organization_id,
        span=asked.span,
        now=now,
        by=by,
        metrics=asked.metrics,
        reader=_reader(user),
        models_only=models_only,
    )
    return SummaryView.of(found)


def _reader(user: SignedIn) -> Reader:
    return Reader(user.id, is_at_least(user.role, UserRole.LEAD))
