"""The figures of a bucket or of any other period, computed from what happened in it.

Percentiles of parts do not add up to those of the whole, so a day and a longer period are computed from the facts,
never from the figures of shorter ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.metrics.catalogue import CATALOGUE, Metric, Split
from helpdesk.metrics.facts import CREDITED, NOT_CREDITED, OF_TICKETS
from helpdesk.metrics.history import ASSIGNEE, CATEGORY, CHANGES, END_OF_TIME, NOW, PRIORITY, TEAM
from helpdesk.metrics.model_facts import OF_MODELS
from helpdesk.metrics.own_figures import own_figures
from helpdesk.metrics.slices import Figure, Slice

# Every fact with its ticket's dimensions as they were at the end; then one pass for the total and one for each slice.
_STATEMENT = """
    WITH {changes},
    fact AS ({facts}),
    placed AS (
        SELECT f.what, f.detail, f.value, coalesce(f.agent_id, {assignee}) AS agent, team.slug AS team,
               t.company_id AS company, {priority} AS priority, category.slug AS category, t.channel AS channel
          FROM fact AS f
          JOIN {tickets} AS t ON t.id = f.ticket_id
          LEFT JOIN earlier AS b ON b.ticket_id = f.ticket_id
          LEFT JOIN teams AS team ON team.id = {team}
          LEFT JOIN categories AS category ON category.id = {category})
    SELECT what, {columns}, GROUPING({columns}) AS grouped, count(*) AS n, avg(value) AS mean,
           percentile_cont(CAST('{{0.5,0.9}}' AS float8[])) WITHIN GROUP (ORDER BY value) AS levels,
           max(value) AS peak, count(*) FILTER (WHERE value > 168) AS old
      FROM placed
     GROUP BY what, GROUPING SETS ((), (detail){sets})
"""
# The names of the columns are those of the first part of a union.
_NO_FACT = """
    SELECT CAST(NULL AS text) AS what, CAST(NULL AS uuid) AS ticket_id, CAST(NULL AS uuid) AS agent_id,
           CAST(NULL AS text) AS detail, CAST(NULL AS float8) AS value
     WHERE false
"""
# To compile the statement for the machine takes longer than it mostly runs; what is sorted is to fit into memory.
_FOR_LARGE = text("SELECT set_config('jit', 'off', true), set_config('work_mem', '32MB', true)")


@dataclass(frozen=True)
class Wanted:
    """What is to be computed.

    Attributes:
        starts, ends: the period, half open.
        slices: beside the total.
        metrics: only these; None is all.
        tickets, horizon: whose state to go back from, and what is in it; see `history`.
    """

    organization_id: UUID
    starts: datetime
    ends: datetime
    slices: Sequence[Slice] = tuple(Slice)
    metrics: Collection[str] | None = None
    tickets: str = NOW
    horizon: datetime = END_OF_TIME


@dataclass
class _Cases:
    """What one kind of fact comes to, for one value of a dimension."""

    n: int = 0
    mean: float | None = None
    p50: float | None = None
    p90: float | None = None
    peak: float | None = None
    old: int = 0


@dataclass
class _Group:
    """The kinds of fact of the total, or of one value of a dimension."""

    dimensions: dict[str, str] = field(default_factory=dict)
    cases: dict[str, _Cases] = field(default_factory=lambda: defaultdict(_Cases))


async def figures_of(session: AsyncSession, wanted: Wanted) -> list[Figure]:
    """Compute the figures of a period, those known at the moment only left out.

    The total has each figure, with None where nothing is there to draw it from; a slice those that something is.
    """
    values = {
        "organization_id": wanted.organization_id,
        "starts": wanted.starts,
        "ends": wanted.ends,
        "horizon": wanted.horizon,
    }
    metrics = [metric for metric in CATALOGUE if wanted.metrics is None or metric.name in wanted.metrics]
    await session.execute(_FOR_LARGE)
    kinds = frozenset(metric.fact for metric in metrics)
    statement = _statement(tuple(wanted.slices), wanted.tickets, kinds)
    groups, details = _sorted((await session.execute(statement, values)).mappings(), wanted.slices)
    found = [figure for group in groups.values() for figure in _figures(group, metrics)]
    found += [figure for group in details.values() for figure in _detailed(group, metrics)]
    names = {metric.name for metric in metrics}
    return found + [figure for figure in await own_figures(session, values) if figure.metric in names]


@lru_cache(maxsize=256)
def _statement(slices: tuple[Slice, ...], tickets: str, kinds: frozenset[str]) -> TextClause:
    credited = CREDITED if Slice.AGENT in slices else NOT_CREDITED
    facts = [source.statement for source in (*OF_TICKETS, *OF_MODELS) if source.kinds & kinds]
    return text(
        _STATEMENT.format(
            changes=CHANGES,
            facts=" UNION ALL ".join([_NO_FACT, *facts]).replace("{tickets}", tickets).replace("{credited}", credited),
            tickets=tickets,
            assignee=ASSIGNEE,
            team=TEAM,
            category=CATEGORY,
            priority=PRIORITY,
            columns=", ".join(("detail", *slices)),
            sets="".join(f", ({name})" for name in slices),
        )
    )


def _sorted(rows: Iterable[Any], slices: Sequence[Slice]) -> tuple[dict[tuple[str, str], _Group], dict[str, _Group]]:
    """Put the rows of the statement under their dimension's value, and those of a detail under that."""
    groups: dict[tuple[str, str], _Group] = {("", ""): _Group()}
    details: dict[str, _Group] = {}
    names = ("detail", *slices)
    for row in rows:
        # A bit is 0 for the column that the row is grouped by; the first column has the highest.
        by = next((name for place, name in enumerate(reversed(names)) if not row["grouped"] >> place & 1), None)
        value = None if by is None else row[by]
        if by is None:
            group = groups["", ""]
        elif value is None:
            continue
        elif by == "detail":
            group = details.setdefault(str(value), _Group({"": str(value)}))
        else:
            group = groups.setdefault((by, str(value)), _Group({by: str(value)}))
        p50, p90 = row["levels"] or (None, None)
        group.cases[row["what"]] = _Cases(row["n"], row["mean"], p50, p90, row["peak"], row["old"])
    return groups, details


def _figures(group: _Group, metrics: Sequence[Metric]) -> Iterable[Figure]:
    for metric in metrics:
        if metric.statistic == "own":
            continue
        cases = group.cases.get(metric.fact)
        if cases is None and group.dimensions:
            continue
        yield _figure(metric, group, group.dimensions)


def _detailed(group: _Group, metrics: Sequence[Metric]) -> Iterable[Figure]:
    """Return the figures by promise or by field."""
    [detail] = group.dimensions.values()
    for metric in metrics:
        if metric.split in {Split.METRIC, Split.FIELD} and metric.fact in group.cases:
            yield _figure(metric, group, {metric.split.value: detail})


def _figure(metric: Metric, group: _Group, dimensions: dict[str, str]) -> Figure:
    cases = group.cases.get(metric.fact) or _Cases()
    match metric.statistic:
        case "n":
            value: float | None = float(cases.n)
        case "reopened":
            reopened = group.cases.get("reopened") or _Cases()
            value = reopened.n / cases.n if cases.n else None
        case "old":
            value = cases.old / cases.n if cases.n else None
        case "none_share":
            value = None if cases.mean is None else 1 - cases.mean
        case name:
            value = getattr(cases, name)
    return Figure(metric.name, dimensions, value, cases.n)
