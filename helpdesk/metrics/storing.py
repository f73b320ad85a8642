"""Keep the figures of a bucket: what was there before is replaced, also where nothing takes its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Uuid, all_, bindparam, delete, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.metrics.buckets import Bucket, Granularity
from helpdesk.metrics.catalogue import BY_NAME, MOMENTARY, OF_MODELS
from helpdesk.metrics.slices import MANY, MOST_VALUES, Figure, Slice
from helpdesk.models.metrics import MetricSnapshot

# One array a column: a statement with a value for each cell takes longer to write than to run.
_UPSERT = text("""
    INSERT INTO metric_snapshots (id, organization_id, granularity, bucket_start, metric, dimensions, dimension_key,
                                  value, count, created_at, updated_at)
    SELECT id, :organization_id, :granularity, :bucket_start, metric, CAST(dimensions AS jsonb), key, value, count,
           :now, :now
      FROM unnest(CAST(:ids AS uuid[]), CAST(:metrics AS text[]), CAST(:dimensions AS text[]), CAST(:keys AS text[]),
                  CAST(:figures AS float8[]), CAST(:counts AS bigint[]))
           AS new (id, metric, dimensions, key, value, count)
        ON CONFLICT (organization_id, granularity, bucket_start, metric, dimension_key)
        DO UPDATE SET value = excluded.value, count = excluded.count, updated_at = excluded.updated_at
    RETURNING id
""")
# Two that take the same bucket at once would each delete what the other one has just stored.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('atum metrics ' || CAST(:organization_id AS text), 0))")
# What stands still in a bucket; everything else happens in it.
_STANDING = frozenset({"open"})
_SLICES = frozenset(Slice)


async def lock_figures(session: AsyncSession, *, organization_id: UUID) -> None:
    """Wait until nobody else stores figures of the organisation; until the transaction ends nobody will."""
    await session.execute(_LOCK, {"organization_id": str(organization_id)})


async def store_figures(
    session: AsyncSession, *, organization_id: UUID, bucket: Bucket, figures: Sequence[Figure], now: datetime
) -> int:
    """Replace the figures of a bucket and return how many there are now.

    Those known at the moment only are replaced where there are new ones, and otherwise stay. Days that were kept with
    other bounds, as before the organisation moved to another zone, go. The caller holds the lock.
    """
    kept = list(_bounded(figures, bucket.granularity))
    # Rows that are stored again keep their ids.
    stored = await _upsert(session, organization_id, bucket, kept, now)
    last = bucket.ends if bucket.granularity is Granularity.DAY else bucket.starts + timedelta(seconds=1)
    await session.execute(
        delete(MetricSnapshot).where(
            MetricSnapshot.organization_id == organization_id,
            MetricSnapshot.granularity == bucket.granularity,
            MetricSnapshot.bucket_start >= bucket.starts,
            MetricSnapshot.bucket_start < last,
            MetricSnapshot.id != all_(bindparam("stored", stored, ARRAY(Uuid))),
            (MetricSnapshot.bucket_start != bucket.starts) | MetricSnapshot.metric.not_in(MOMENTARY),
        )
    )
    return len(kept)


async def remove_quarters(session: AsyncSession, *, organization_id: UUID, before: datetime) -> None:
    """Remove figures of quarters that are older than they are kept; those of days stay."""
    await session.execute(
        delete(MetricSnapshot).where(
            MetricSnapshot.organization_id == organization_id,
            MetricSnapshot.granularity == Granularity.QUARTER,
            MetricSnapshot.bucket_start < before,
        )
    )


def _bounded(figures: Sequence[Figure], granularity: Granularity) -> Iterable[Figure]:
    """Leave out what nobody would look for.

    Of a quarter: slices of what models did, and of agents, categories and companies the ages of the backlog, and the
    backlog too where nothing happened to them. Of a day the latter goes for companies only. Of one dimension, no more
    values are kept than anybody looks through, those with most happening first.
    """
    many = MANY if granularity is Granularity.QUARTER else {"company"}
    moved: dict[str, Counter[str]] = {}
    for figure in figures:
        for name, value in figure.dimensions.items():
            if name in MANY and BY_NAME[figure.metric].fact not in _STANDING:
                moved.setdefault(name, Counter())[value] += figure.count
    shown = {name: {value for value, _ in found.most_common(MOST_VALUES)} for name, found in moved.items()}
    for figure in figures:
        [(name, value)] = figure.dimensions.items() or [("", "")]
        if granularity is Granularity.QUARTER and name in _SLICES and figure.metric in OF_MODELS:
            continue
        standing = BY_NAME[figure.metric].fact in _STANDING
        if standing and name in MANY and granularity is Granularity.QUARTER and figure.metric != "backlog":
            continue
        if name not in MANY or value in shown.get(name, ()) or (standing and name not in many):
            yield figure


async def _upsert(
    session: AsyncSession, organization_id: UUID, bucket: Bucket, figures: Sequence[Figure], now: datetime
) -> Sequence[UUID]:
    columns = {
        "ids": [new_id() for _ in figures],
        "metrics": [figure.metric for figure in figures],
        "dimensions": [figure.dimension_key or "{}" for figure in figures],
        "keys": [figure.dimension_key for figure in figures],
        "figures": [figure.value for figure in figures],
        "counts": [figure.count for figure in figures],
    }
    common = {
        "organization_id": organization_id,
        "granularity": bucket.granularity.value,
        "bucket_start": bucket.starts,
        "now": now,
    }
    return (await session.scalars(_UPSERT, common | columns)).all()
