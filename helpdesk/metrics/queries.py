"""Read figures back as series."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.metrics.buckets import Granularity
from helpdesk.metrics.slices import Slice
from helpdesk.metrics.spans import EVERYBODY, Reader, Span, SpanRefused
from helpdesk.models.metrics import MetricSnapshot

MOST_POINTS = 20_000
_PAGE = 2000


async def list_snapshots(
    session: AsyncSession,
    *,
    organization_id: UUID,
    since: datetime,
    until: datetime,
    metrics: Sequence[str] = (),
    granularity: str = "15m",
    limit: int = 1000,
    reader: Reader = EVERYBODY,
) -> Sequence[MetricSnapshot]:
    """Return the figures of the buckets in [since, until), by time; no metrics named means all."""
    statement = _within(organization_id, Span(since, until), granularity, metrics, reader)
    ordered = statement.order_by(MetricSnapshot.bucket_start, MetricSnapshot.metric, MetricSnapshot.dimension_key)
    return (await session.scalars(ordered.limit(limit))).all()


async def metric_names(session: AsyncSession, *, organization_id: UUID) -> Sequence[str]:
    """Return the names of the metrics that there are figures of."""
    statement = select(MetricSnapshot.metric).where(MetricSnapshot.organization_id == organization_id).distinct()
    return (await session.scalars(statement.order_by(MetricSnapshot.metric))).all()


async def read_series(
    session: AsyncSession,
    *,
    organization_id: UUID,
    metrics: Sequence[str],
    span: Span,
    granularity: Granularity,
    by: Slice | None = None,
    reader: Reader = EVERYBODY,
) -> Sequence[MetricSnapshot]:
    """Return the figures of some metrics, of the total or of each value of a slice, by time.

    Raises:
        SpanRefused: there are more than 20,000.
    """
    statement = _within(organization_id, span, granularity, metrics, reader)
    if by is None:
        statement = statement.where(MetricSnapshot.dimension_key == "")
    else:
        statement = statement.where(MetricSnapshot.dimensions.has_key(by.value))
    ordered = statement.order_by(MetricSnapshot.bucket_start, MetricSnapshot.metric, MetricSnapshot.dimension_key)
    rows = (await session.scalars(ordered.limit(MOST_POINTS + 1))).all()
    if len(rows) > MOST_POINTS:
        raise SpanRefused(f"That is more than {MOST_POINTS:,} figures; ask for less time, or read the CSV.")
    return rows


async def every_snapshot(
    database: Database,
    *,
    organization_id: UUID,
    span: Span,
    granularity: Granularity,
    metrics: Sequence[str] = (),
    reader: Reader = EVERYBODY,
) -> AsyncIterator[Sequence[MetricSnapshot]]:
    """Yield all figures in pieces, each read in a transaction of its own, so that a slow reader holds none open."""
    row = MetricSnapshot
    key = (row.bucket_start, row.metric, row.dimension_key)
    statement = _within(organization_id, span, granularity, metrics, reader).order_by(*key).limit(_PAGE)
    after: MetricSnapshot | None = None
    while True:
        page = statement
        if after is not None:
            page = page.where(tuple_(*key) > tuple_(after.bucket_start, after.metric, after.dimension_key))
        async with database.transaction(organization_id) as session:
            rows = (await session.scalars(page)).all()
        if rows:
            yield rows
            after = rows[-1]
        if len(rows) < _PAGE:
            return


def _within(
    organization_id: UUID, span: Span, granularity: str, metrics: Sequence[str], reader: Reader
) -> Select[MetricSnapshot]:
    row = MetricSnapshot
    statement = select(row).where(
        row.organization_id == organization_id,
        row.granularity == granularity,
        row.bucket_start >= span.since,
        row.bucket_start < span.until,
    )
    if metrics:
        statement = statement.where(row.metric.in_(metrics))
    if not reader.sees_agents:
        own = func.coalesce(row.dimensions["agent"].astext, "") == str(reader.user_id)
        statement = statement.where(or_(~row.dimensions.has_key("agent"), own))
    return statement
