"""How promises were kept in a period: every dimension asked for, in one pass over its clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import TicketPriority
from helpdesk.reports.decided import CLOCKS, CREDITED, EVERY_CLOCK, REPLY, WANTED, Dimension, ReportFilter, values_of
from helpdesk.reports.periods import Period, week_name
from helpdesk.sla.rules.policy import Metric

# What a clock is grouped by, as text: a value of the product, a key of a table or a day.
_COLUMNS = {
    Dimension.METRIC: "c.metric",
    Dimension.POLICY: "v.policy_id",
    Dimension.PRIORITY: "t.priority",
    Dimension.TEAM: "t.team_id",
    Dimension.AGENT: CREDITED,
    Dimension.COMPANY: "t.company_id",
    Dimension.CATEGORY: "t.category_id",
    Dimension.WEEK: "date_trunc('week', c.at AT TIME ZONE :zone)::date",
    Dimension.DAY: "(c.at AT TIME ZONE :zone)::date",
}
_TABLES = {
    Dimension.POLICY: "sla_policies",
    Dimension.TEAM: "teams",
    Dimension.AGENT: "users",
    Dimension.COMPANY: "companies",
    Dimension.CATEGORY: "categories",
}
_NOBODY = {
    Dimension.POLICY: "no policy",
    Dimension.TEAM: "no team",
    Dimension.AGENT: "unassigned",
    Dimension.COMPANY: "no company",
    Dimension.CATEGORY: "no category",
}
_ORDERS: dict[Dimension, tuple[str, ...]] = {
    Dimension.METRIC: tuple(Metric),
    Dimension.PRIORITY: tuple(reversed(TicketPriority)),
}


@dataclass(frozen=True)
class Tally:
    """Clocks that were decided."""

    met: int = 0
    breached: int = 0

    @property
    def decided(self) -> int:
        """Return how many there are."""
        return self.met + self.breached

    @property
    def compliance(self) -> float | None:
        """Return the share that was met, 0 to 1; None where none was decided."""
        return self.met / self.decided if self.decided else None


@dataclass(frozen=True)
class Spread:
    """Half of a group's ended clocks are not above the median, nine of ten not above the other."""

    median: float
    p90: float


@dataclass(frozen=True)
class Group:
    """Clocks that have something in common.

    Attributes:
        key: the id of what they have in common, a value of the product, or a day (of a week its Monday); None where it
            is missing.
        used: shares of the target used by those that have ended, 1 being all of it.
        elapsed_s: the same in open seconds.
    """

    key: str | None
    name: str
    tally: Tally
    used: Spread | None = None
    elapsed_s: Spread | None = None


@dataclass(frozen=True)
class Compliance:
    """All clocks that were decided in a period, and those of each group by dimension."""

    total: Group
    groups: dict[Dimension, list[Group]]


async def compliance(
    session: AsyncSession,
    *,
    organization_id: UUID,
    period: Period,
    dimensions: Sequence[Dimension],
    wanted: ReportFilter = EVERY_CLOCK,
) -> Compliance:
    """Return how promises were kept in a period, whole and by each dimension.

    The groups of a dimension add up to the whole. Weeks and days are those of the period, also the empty ones; metrics
    and priorities come in their order, everything else by how many clocks it has.
    """
    dimensions = list(dict.fromkeys(dimensions))
    values = values_of(organization_id, period, wanted) | {"zone": period.zone}
    rows = (await session.execute(text(_statement(dimensions)), values)).all()
    names = await _names(session, organization_id, rows)
    total = Group(None, "all", Tally())
    groups: dict[Dimension, list[Group]] = {dimension: [] for dimension in dimensions}
    for row in rows:
        if row.dimension == "all":
            total = _group(row, "all")
        else:
            dimension = Dimension(row.dimension)
            groups[dimension].append(_group(row, _name(dimension, row.key, names)))
    return Compliance(total, {dimension: _sorted(dimension, found, period) for dimension, found in groups.items()})


def _statement(dimensions: Sequence[Dimension]) -> str:
    """Return one statement for every dimension: a row of the empty grouping set is the whole."""
    columns = "".join(f"{_COLUMNS[one]} AS {one}, " for one in dimensions)
    which = " ".join(f"WHEN GROUPING({one}) = 0 THEN '{one}'" for one in dimensions)
    key = " ".join(f"WHEN GROUPING({one}) = 0 THEN {one}::text" for one in dimensions)
    sets = ", ".join(["()", *(f"({one})" for one in dimensions)])
    return f"""
        WITH decided AS MATERIALIZED (
            SELECT {columns} c.breached,
                   CASE c.state WHEN 'stopped' THEN c.elapsed_s::float8 / c.target_s END AS used,
                   CASE c.state WHEN 'stopped' THEN c.elapsed_s::float8 END AS elapsed_s
              FROM {CLOCKS} {REPLY if Dimension.AGENT in dimensions else ""}
             WHERE {WANTED})
        SELECT {f"CASE {which} ELSE 'all' END" if dimensions else "'all'"} AS dimension,
               {f"CASE {key} END" if dimensions else "NULL"} AS key,
               count(*) FILTER (WHERE NOT breached) AS met, count(*) FILTER (WHERE breached) AS breached,
               percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY used) AS used,
               percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY elapsed_s) AS elapsed_s
          FROM decided
         GROUP BY GROUPING SETS ({sets})
    """  # noqa: S608 (of constants)


async def _names(session: AsyncSession, organization_id: UUID, rows: Sequence[Any]) -> dict[str, str]:
    ids: dict[str, list[UUID]] = {}
    for row in rows:
        if row.key is not None and row.dimension in _TABLES:
            ids.setdefault(row.dimension, []).append(UUID(row.key))
    if not ids:
        return {}
    statement = " UNION ALL ".join(
        f"SELECT id::text, name FROM {_TABLES[Dimension(one)]} WHERE organization_id = :organization_id"  # noqa: S608
        f" AND id = ANY(CAST(:{one} AS uuid[]))"
        for one in ids
    )
    found = await session.execute(text(statement), {"organization_id": organization_id, **ids})
    return {row.id: row.name for row in found}


def _name(dimension: Dimension, key: str | None, names: dict[str, str]) -> str:
    if key is None:
        return _NOBODY[dimension]
    if dimension is Dimension.WEEK:
        return week_name(date.fromisoformat(key))
    return names.get(key, key)


def _group(row: Any, name: str) -> Group:
    return Group(row.key, name, Tally(row.met, row.breached), _spread(row.used), _spread(row.elapsed_s))


def _spread(figures: list[float | None] | None) -> Spread | None:
    return None if not figures or figures[0] is None or figures[1] is None else Spread(figures[0], figures[1])


def _sorted(dimension: Dimension, groups: list[Group], period: Period) -> list[Group]:
    if dimension in {Dimension.WEEK, Dimension.DAY}:
        found = {group.key: group for group in groups}
        days = period.mondays if dimension is Dimension.WEEK else period.days
        return [found.get(f"{day}") or Group(f"{day}", _name(dimension, f"{day}", {}), Tally()) for day in days]
    return sorted(groups, key=lambda group: place(dimension, group.name, group.tally))


def place(dimension: Dimension, name: str, tally: Tally) -> tuple[int, str]:
    """Return where a group stands among those of its dimension: metrics and priorities in their order."""
    order = _ORDERS.get(dimension)
    if order is None:
        return -tally.decided, name
    # A value that has no place in the order yet comes last.
    return order.index(name) if name in order else len(order), name
