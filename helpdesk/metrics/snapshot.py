"""Take the figures of buckets; taking them again replaces what was there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.metrics.buckets import QUARTER, Bucket, Granularity, NotABucket, buckets_at, quarter_from
from helpdesk.metrics.catalogue import MOMENTARY
from helpdesk.metrics.figures import Wanted, figures_of
from helpdesk.metrics.history import END_OF_TIME, NOW
from helpdesk.metrics.own_figures import momentary_figures, seen_figures
from helpdesk.metrics.storing import lock_figures, remove_quarters, store_figures
from helpdesk.models.accounts import Organization

BUCKET = QUARTER
_DAY = timedelta(days=1)


async def take_snapshot(
    database: Database,
    *,
    organization_id: UUID,
    bucket_start: datetime,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
) -> int:
    """Store the figures of a quarter of an hour, those of the one before it anew, and those of the day when it is due.

    Args:
        bucket_start: a full quarter of an hour (UTC).
        complete: ends the job in the transaction of the figures.

    Returns:
        How many figures the quarter has.

    Raises:
        NotABucket: no bucket starts then, or it lies in the future.
    """
    quarter = quarter_from(bucket_start)
    if quarter.starts > now:
        raise NotABucket(f"The bucket of {bucket_start.isoformat()} has not begun.")
    count = 0
    async with database.transaction(organization_id) as session:
        await lock_figures(session, organization_id=organization_id)
        zone = await zone_of(session, organization_id=organization_id)
        for bucket in buckets_at(quarter.ends, zone):
            taken = await take_bucket(session, organization_id=organization_id, bucket=bucket, now=now)
            if bucket == quarter:
                count = taken
            if bucket.granularity is Granularity.DAY and bucket.ends == quarter.ends:
                kept = database.settings.keep_quarter_figures_days * _DAY
                await remove_quarters(session, organization_id=organization_id, before=now - kept)
        await complete(session)
    return count


async def take_bucket(
    session: AsyncSession,
    *,
    organization_id: UUID,
    bucket: Bucket,
    now: datetime,
    tickets: str = NOW,
    horizon: datetime = END_OF_TIME,
) -> int:
    """Store the figures of a bucket and return how many there are; the caller holds the lock on the figures.

    Args:
        tickets, horizon: whose state to go back from; see `history`.
    """
    wanted = Wanted(organization_id, bucket.starts, bucket.ends, tickets=tickets, horizon=horizon)
    figures = await figures_of(session, wanted)
    bounds = {"organization_id": organization_id, "starts": bucket.starts, "ends": bucket.ends}
    if bucket.granularity is Granularity.DAY:
        figures += await seen_figures(session, bounds, sorted(MOMENTARY))
    elif now < bucket.ends + QUARTER:
        figures += await momentary_figures(session, bounds)
    return await store_figures(session, organization_id=organization_id, bucket=bucket, figures=figures, now=now)


async def zone_of(session: AsyncSession, *, organization_id: UUID) -> str:
    """Return the time zone of an organisation."""
    zone: str = await session.scalar(select(Organization.timezone).where(Organization.id == organization_id)) or "UTC"
    return zone
