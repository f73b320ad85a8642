"""Figures over time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.dependencies import CurrentUser, Now, ReadSession
from api.schemas.metrics import SnapshotView
from helpdesk.metrics.queries import list_snapshots, metric_names

router = APIRouter(prefix="/metrics", tags=["metrics"])
_USUAL_SPAN = timedelta(hours=24)


@router.get("/snapshots", summary="Read figures over time")
async def snapshots(
    *,
    session: ReadSession,
    user: CurrentUser,
    now: Now,
    metric: Annotated[list[str] | None, Query(description="Only these; all when left out.", max_length=50)] = None,
    since: Annotated[datetime | None, Query(description="24 hours before `until` when left out.")] = None,
    until: Annotated[datetime | None, Query(description="Exclusive; now when left out.")] = None,
    granularity: Literal["15m", "1d"] = "15m",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[SnapshotView]:
    """Read the figures of the buckets from `since` to `until`, by time; a figure may still change until its end."""
    end = until or now
    found = await list_snapshots(
        session,
        organization_id=user.organization_id,
        since=since or end - _USUAL_SPAN,
        until=end,
        metrics=metric or (),
        granularity=granularity,
        limit=limit,
    )
    return [SnapshotView.model_validate(row) for row in found]


@router.get("/names", summary="List metrics")
async def names(session: ReadSession, user: CurrentUser) -> list[str]:
    """Read the names of the metrics that there are figures of."""
    return list(await metric_names(session, organization_id=user.organization_id))
