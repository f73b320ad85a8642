"""Reports over any period: how promises were kept, and the promises that were broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.queries import organization_by_id
from helpdesk.errors import Invalid
from helpdesk.reports.breaches import Breach, explain
from helpdesk.reports.compliance import Compliance, compliance
from helpdesk.reports.decided import EVERY_CLOCK, Dimension, ReportFilter
from helpdesk.reports.periods import Period, period_of
from helpdesk.reports.queries import breached_clocks

EVERYTHING = tuple(dimension for dimension in Dimension if dimension is not Dimension.DAY)


class DimensionUnknown(Invalid):
    """There is nothing of that name to group by."""


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know of: a period (None takes the usual bounds), and which clocks."""

    first: date | None = None
    last: date | None = None
    wanted: ReportFilter = EVERY_CLOCK


@dataclass(frozen=True)
class PeriodReport:
    """How promises were kept in a period, as of an instant (UTC)."""

    organization: str
    period: Period
    as_of: datetime
    wanted: ReportFilter
    found: Compliance


@dataclass(frozen=True)
class Breaches:
    """Promises that were broken in a period, or a page of them, as of an instant (UTC)."""

    period: Period
    as_of: datetime
    items: Sequence[Breach]


def dimensions_of(names: Sequence[str]) -> tuple[Dimension, ...]:
    """Read what to group by: names, also several with commas between; none at all stands for everything but days.

    Raises:
        DimensionUnknown: naming it, and what there is.
    """
    given = [name.strip() for said in names for name in said.split(",") if name.strip()]
    for name in given:
        if name not in set(Dimension):
            raise DimensionUnknown(f"{name[:50]!r} is none of {', '.join(Dimension)}.")
    return tuple(Dimension(name) for name in given) or EVERYTHING


async def read_period_report(
    session: AsyncSession, *, organization_id: UUID, asked: Asked, dimensions: Sequence[Dimension], now: datetime
) -> PeriodReport:
    """Read how promises were kept; raise PeriodRefused."""
    home = await organization_by_id(session, organization_id=organization_id)
    period = period_of(asked.first, asked.last, now=now, zone=home.timezone)
    found = await compliance(
        session, organization_id=organization_id, period=period, dimensions=dimensions, wanted=asked.wanted
    )
    return PeriodReport(home.name, period, now, asked.wanted, found)


async def read_breaches(
    session: AsyncSession,
    *,
    organization_id: UUID,
    asked: Asked,
    now: datetime,
    after: tuple[datetime, UUID] | None = None,
    limit: int | None = None,
) -> Breaches:
    """Read the promises that were broken, the earliest first, each explained; raise PeriodRefused.

    Args:
        after: (time, id) of the last clock seen.
        limit: None reads them all.
    """
    home = await organization_by_id(session, organization_id=organization_id)
    period = period_of(asked.first, asked.last, now=now, zone=home.timezone)
    late = await breached_clocks(
        session, organization_id=organization_id, period=period, wanted=asked.wanted, after=after, limit=limit
    )
    items = await explain(session, late, organization_id=organization_id, zone=home.timezone, now=now)
    return Breaches(period, now, items)
