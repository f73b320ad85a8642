"""Take the figures of a bucket; taking them again replaces what was there."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.errors import Invalid
from helpdesk.metrics.figures import STATEMENTS
from helpdesk.models.metrics import MetricSnapshot

BUCKET = timedelta(minutes=15)
GRANULARITY = "15m"


class NotABucket(Invalid):
    """A bucket starts on a quarter of an hour, and has begun."""


async def take_snapshot(
    database: Database,
    *,
    organization_id: UUID,
    bucket_start: datetime,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
) -> int:
    """Store every figure of a 15-minute bucket and return how many there are.

    Args:
        bucket_start: a full quarter of an hour (UTC).
        complete: ends the job in the transaction of the figures.

    Raises:
        NotABucket: no bucket starts then, or it lies in the future.
    """
    if bucket_start.timestamp() % BUCKET.total_seconds() != 0 or bucket_start > now:
        raise NotABucket(f"No bucket starts at {bucket_start.isoformat()}.")
    async with database.transaction(organization_id) as session:
        rows = await _figures(session, organization_id=organization_id, starts=bucket_start)
        await _store(session, organization_id=organization_id, bucket_start=bucket_start, rows=rows, now=now)
        await complete(session)
    return len(rows)


async def _figures(session: AsyncSession, *, organization_id: UUID, starts: datetime) -> list[dict[str, Any]]:
    values = {"organization_id": organization_id, "starts": starts, "ends": starts + BUCKET}
    rows = []
    for statement in STATEMENTS:
        names = set(statement.compile().params)
        for metric, dimensions, value, count in await session.execute(
            statement, {name: value for name, value in values.items() if name in names}
        ):
            rows.append({"metric": metric, "dimensions": dimensions, "value": value, "count": count})
    return rows


async def _store(
    session: AsyncSession, *, organization_id: UUID, bucket_start: datetime, rows: list[dict[str, Any]], now: datetime
) -> None:
    bucket = {"organization_id": organization_id, "granularity": GRANULARITY, "bucket_start": bucket_start}
    taken = {"created_at": now, "updated_at": now}
    statement = insert(MetricSnapshot).values(
        [row | bucket | taken | {"id": new_id(), "dimension_key": _key(row["dimensions"])} for row in rows]
    )
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["organization_id", "granularity", "bucket_start", "metric", "dimension_key"],
            set_={name: statement.excluded[name] for name in ("value", "count", "updated_at")},
        )
    )


def _key(dimensions: dict[str, Any]) -> str:
    return json.dumps(dimensions, sort_keys=True, separators=(",", ":")) if dimensions else ""
