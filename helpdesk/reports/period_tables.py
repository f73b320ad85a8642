"""Reports over a period as tables for a spreadsheet, and as JSON; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from helpdesk.reports.breaches import Breach
from helpdesk.reports.compliance import Group, Spread, Tally
from helpdesk.reports.period_report import PeriodReport
from helpdesk.spreadsheets import BYTE_ORDER_MARK, Cell, csv_bytes, rfc3339

_FIGURES = (
    *("from", "to", "group", "key", "name", "decided", "met", "breached", "compliance_pct"),
    *("median_used_pct", "p90_used_pct", "median_elapsed_minutes", "p90_elapsed_minutes"),
)
BREACH_COLUMNS = (
    *("ticket", "subject", "metric", "instance", "policy", "priority", "team", "agent", "assignee", "company"),
    *("category", "start_at", "target_minutes", "breached_at", "stopped_at", "state", "overdue_minutes"),
    "explanation",
)


def figures_csv(report: PeriodReport) -> bytes:
    """Return a row for the whole and for each group."""
    return BYTE_ORDER_MARK + csv_bytes([_FIGURES, *_figures(report)])


def breaches_csv(breaches: Iterable[Breach]) -> bytes:
    """Return a row for each promise that was broken."""
    return BYTE_ORDER_MARK + csv_bytes([BREACH_COLUMNS, *(breach_cells(breach) for breach in breaches)])


def breach_cells(breach: Breach) -> list[Cell]:
    """Return a broken promise as the cells of a row."""
    clock = breach.clock
    return [
        *(clock.number, clock.subject, clock.metric, clock.instance, clock.policy, clock.priority, clock.team),
        *(clock.agent, clock.assignee, clock.company, clock.category, clock.start_at, round(clock.target_s / 60)),
        *(clock.breached_at, clock.stopped_at, clock.state),
        None if breach.overdue_s is None else round(breach.overdue_s / 60),
        breach.explanation,
    ]


def figures_json(report: PeriodReport) -> dict[str, Any]:
    """Return the figures as JSON values."""
    wanted = report.wanted
    return {
        "organization": report.organization,
        "from": f"{report.period.first}",
        "to": f"{report.period.last}",
        "timezone": report.period.zone,
        "as_of": rfc3339(report.as_of),
        "filter": {
            "metric": list(wanted.metrics),
            "policy": list(wanted.policies),
            "team": list(wanted.teams),
            "priority": list(wanted.priorities),
        },
        "total": group_json(report.found.total),
        "groups": {
            str(dimension): [group_json(group) for group in groups] for dimension, groups in report.found.groups.items()
        },
    }


def group_json(group: Group) -> dict[str, Any]:
    """Return a group as JSON values."""
    return {
        "key": group.key,
        "name": group.name,
        **tally_json(group.tally),
        "used": _spread_json(group.used),
        "elapsed_s": _spread_json(group.elapsed_s),
    }


def tally_json(tally: Tally) -> dict[str, Any]:
    """Return what was decided as JSON values; shares have four decimals."""
    share = tally.compliance
    return {
        "decided": tally.decided,
        "met": tally.met,
        "breached": tally.breached,
        "compliance": None if share is None else round(share, 4),
    }


def breach_json(breach: Breach) -> dict[str, Any]:
    """Return a broken promise as JSON values."""
    clock = breach.clock
    return {
        "clock_id": str(clock.id),
        "ticket": {"id": str(clock.ticket_id), "number": clock.number, "subject": clock.subject},
        "metric": clock.metric,
        "instance": clock.instance,
        "policy": clock.policy,
        "priority": clock.priority,
        "team": clock.team,
        "agent": clock.agent,
        "assignee": clock.assignee,
        "company": clock.company,
        "category": clock.category,
        "start_at": rfc3339(clock.start_at),
        "target_s": clock.target_s,
        "breached_at": rfc3339(clock.breached_at),
        "stopped_at": _moment(clock.stopped_at),
        "state": clock.state,
        "overdue_s": breach.overdue_s,
        "explanation": breach.explanation,
    }


def explained_json(breach: Breach) -> dict[str, Any]:
    """Return a broken promise as JSON values, with every stretch of its clock's life."""
    return breach_json(breach) | {
        "intervals": [
            {
                "kind": str(interval.kind),
                "from": rfc3339(interval.start),
                "to": rfc3339(interval.end),
                "counted_s": interval.counted_s,
                "elapsed_s": interval.elapsed_s,
                "elapsed_pct": interval.elapsed_pct,
                "reason": interval.reason,
            }
            for interval in breach.intervals()
        ],
    }


def _figures(report: PeriodReport) -> Iterator[list[Cell]]:
    bounds = [f"{report.period.first}", f"{report.period.last}"]
    yield [*bounds, "all", None, *_cells(report.found.total)]
    for dimension, groups in report.found.groups.items():
        for group in groups:
            yield [*bounds, str(dimension), group.key, *_cells(group)]


def _cells(group: Group) -> list[Cell]:
    tally = group.tally
    share = None if tally.compliance is None else round(100 * tally.compliance, 1)
    spreads = [*_scaled(group.used, 100, 1), *_scaled(group.elapsed_s, 1 / 60, 0)]
    return [group.name, tally.decided, tally.met, tally.breached, share, *spreads]


def _scaled(spread: Spread | None, factor: float, digits: int) -> list[Cell]:
    if spread is None:
        return [None, None]
    found = [round(factor * figure, digits) for figure in (spread.median, spread.p90)]
    return [figure if digits else int(figure) for figure in found]


def _spread_json(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else {"median": round(spread.median, 4), "p90": round(spread.p90, 4)}


def _moment(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
