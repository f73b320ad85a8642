"""Read figures back as series."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.metrics import MetricSnapshot


async def list_snapshots(
    session: AsyncSession,
    *,
    organization_id: UUID,
    since: datetime,
    until: datetime,
    metrics: Sequence[str] = (),
    granularity: str = "15m",
    limit: int = 1000,
) -> Sequence[MetricSnapshot]:
    """Return the figures of the buckets in [since, until), by time; no metrics named means all."""
    statement = select(MetricSnapshot).where(
        MetricSnapshot.organization_id == organization_id,
        MetricSnapshot.granularity == granularity,
        MetricSnapshot.bucket_start >= since,
        MetricSnapshot.bucket_start < until,
    )
    if metrics:
        statement = statement.where(MetricSnapshot.metric.in_(metrics))
    ordered = statement.order_by(MetricSnapshot.bucket_start, MetricSnapshot.metric, MetricSnapshot.dimension_key)
    return (await session.scalars(ordered.limit(limit))).all()


async def metric_names(session: AsyncSession, *, organization_id: UUID) -> Sequence[str]:
    """Return the names of the metrics that there are figures of."""
    statement = select(MetricSnapshot.metric).where(MetricSnapshot.organization_id == organization_id).distinct()
    return (await session.scalars(statement.order_by(MetricSnapshot.metric))).all()
