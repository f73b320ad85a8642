"""The weekly SLA report as tables for a spreadsheet; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from helpdesk.reports.queries import Compliance
from helpdesk.reports.sla_report import SlaReport
from helpdesk.spreadsheets import BYTE_ORDER_MARK, Cell, csv_bytes

_FIGURES = ("week", "group", "name", "count", "met", "breached", "compliance_pct")
_BEFORE = ("count_before", "met_before", "breached_before", "compliance_pct_before")
_BREACHES = (
    *("week", "ticket", "subject", "metric", "instance", "policy", "priority", "team", "assignee", "company"),
    *("start_at", "target_minutes", "breached_at", "stopped_at", "state", "overdue_minutes", "explanation"),
)


def figures_csv(report: SlaReport) -> bytes:
    """Return a row for each group of clocks and for each count of tickets, beside the week before."""
    return BYTE_ORDER_MARK + csv_bytes([_FIGURES + _BEFORE, *_figures(report)])


def breaches_csv(report: SlaReport) -> bytes:
    """Return a row for each promise that was not kept."""
    return BYTE_ORDER_MARK + csv_bytes([_BREACHES, *_breaches(report)])


def _figures(report: SlaReport) -> Iterator[list[Cell]]:
    week = report.week.name
    yield [week, "all", "all", *_clocks(report.whole)]
    for dimension, groups in report.groups.items():
        for group in groups:
            yield [week, dimension, group.name, *_clocks(group)]
    before = asdict(report.tickets_before)
    for name, count in asdict(report.tickets).items():
        yield [week, "tickets", name, count, None, None, None, before[name], None, None, None]


def _clocks(group: Compliance) -> list[Cell]:
    cells: list[Cell] = []
    for tally in (group.week, group.before):
        cells += [tally.decided, tally.met, tally.breached, _percent(tally.compliance)]
    return cells


def _breaches(report: SlaReport) -> Iterator[list[Cell]]:
    for breach in report.breaches:
        clock = breach.clock
        yield [
            *(report.week.name, clock.number, clock.subject, clock.metric, clock.instance, clock.policy),
            *(clock.priority, clock.team, clock.assignee, clock.company, clock.start_at, round(clock.target_s / 60)),
            *(clock.breached_at, clock.stopped_at, clock.state),
            None if breach.overdue_s is None else round(breach.overdue_s / 60),
            breach.explanation,
        ]


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
