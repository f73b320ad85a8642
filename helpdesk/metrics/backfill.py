"""Take the figures of a time that is past, one day in each transaction.

A day and its quarters go back from how tickets stood when the day ended, which is worked out once for it. Quarters
older than they are kept are left out. What can only be known at the moment is not made up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.errors import Invalid
from helpdesk.metrics.buckets import Bucket, days_within, quarters_within
from helpdesk.metrics.history import KEPT, keep_state
from helpdesk.metrics.snapshot import take_bucket, zone_of
from helpdesk.metrics.storing import lock_figures
from helpdesk.queue.catalog import MetricsBackfill
from helpdesk.queue.enqueue import enqueue

MOST_DAYS = 731

Complete = Callable[[AsyncSession, dict[str, Any]], Awaitable[None]]


class BackfillRefused(Invalid):
    """Figures of that time cannot be taken."""


class Keep(Protocol):
    """Stores a checkpoint with the progress of the job; returns False when it could not."""

    async def __call__(self, checkpoint: Mapping[str, Any], /, *, percent: float, message: str = "") -> bool:
        """Store it."""
        ...


def check_span(since: datetime, until: datetime, *, now: datetime) -> None:
    """Let a time pass that figures can be taken of.

    Raises:
        BackfillRefused: it ends before it begins, lies in the future or is too long.
    """
    if since >= until:
        raise BackfillRefused("The time ends before it begins; `since` must be before `until`.")
    if since >= now:
        raise BackfillRefused("The time has not begun.")
    if until - since > timedelta(days=MOST_DAYS):
        raise BackfillRefused(f"At most {MOST_DAYS} days can be taken at a time.")


async def ask_for_backfill(
    session: AsyncSession, *, organization_id: UUID, since: datetime, until: datetime, now: datetime
) -> UUID:
    """Have the figures of a time taken, once the open transaction commits; return the job's id.

    Raises:
        BackfillRefused: see `check_span`.
    """
    check_span(since, until, now=now)
    key = f"{since.isoformat()} {until.isoformat()}"
    return await enqueue(
        session, MetricsBackfill(since=since, until=until), organization_id=organization_id, unique_key=key
    )


class _Checkpoint(BaseModel):
    """Where a walk stands: when the last day that is done ended, and what was taken so far."""

    model_config = ConfigDict(frozen=True)

    done_until: datetime | None = None
    days: int = 0
    quarters: int = 0
    figures: int = 0


@dataclass
class Backfill:
    """One walk over the days of a time.

    Attributes:
        now: the present time (UTC).
        keep: stores checkpoints.
        complete: ends the walk in a transaction, with what was taken.
    """

    database: Database
    organization_id: UUID
    since: datetime
    until: datetime
    now: Callable[[], datetime]
    keep: Keep
    complete: Complete

    async def run(self, earlier: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Take the days that are left, the earliest first; return how many days, quarters and figures were taken.

        Raises:
            BackfillRefused: see `check_span`.
        """
        check_span(self.since, self.until, now=self.now())
        async with self.database.transaction(self.organization_id) as session:
            zone = await zone_of(session, organization_id=self.organization_id)
        days = days_within(self.since, min(self.until, self.now()), zone)
        place = _read(earlier)
        for number, day in enumerate(days, start=1):
            if place.done_until is not None and day.ends <= place.done_until:
                continue
            place = await self._take(day, place)
            message = f"{number} of {len(days)} days taken"
            await self.keep(place.model_dump(mode="json"), percent=100 * number / len(days), message=message)
        result = place.model_dump(mode="json", exclude={"done_until"})
        async with self.database.transaction(self.organization_id) as session:
            await self.complete(session, result)
        return result

    async def _take(self, day: Bucket, place: _Checkpoint) -> _Checkpoint:
        """Take a day and its quarters that have begun, in one transaction."""
        now = self.now()
        kept_since = now - timedelta(days=self.database.settings.keep_quarter_figures_days)
        quarters = list(quarters_within(max(day.starts, self.since, kept_since), min(day.ends, self.until, now)))
        count = 0
        async with self.database.transaction(self.organization_id) as session:
            await lock_figures(session, organization_id=self.organization_id)
            await keep_state(session, organization_id=self.organization_id, at=day.ends)
            for bucket in (*quarters, day):
                count += await take_bucket(
                    session,
                    organization_id=self.organization_id,
                    bucket=bucket,
                    now=now,
                    tickets=KEPT,
                    horizon=day.ends,
                )
        return _Checkpoint(
            done_until=day.ends,
            days=place.days + 1,
            quarters=place.quarters + len(quarters),
            figures=place.figures + count,
        )


def _read(checkpoint: Mapping[str, Any] | None) -> _Checkpoint:
    try:
        return _Checkpoint.model_validate(dict(checkpoint or {}))
    except ValidationError:
        return _Checkpoint()
