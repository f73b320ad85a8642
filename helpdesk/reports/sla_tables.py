"""The weekly SLA report as tables for a spreadsheet, and as JSON; pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from helpdesk.reports.period_tables import BREACH_COLUMNS, breach_cells, breach_json, tally_json
from helpdesk.reports.sla_report import Compared, SlaReport
from helpdesk.spreadsheets import BYTE_ORDER_MARK, Cell, csv_bytes, rfc3339

_FIGURES = ("week", "group", "name", "count", "met", "breached", "compliance_pct")
_BEFORE = ("count_before", "met_before", "breached_before", "compliance_pct_before")


def figures_csv(report: SlaReport) -> bytes:
    """Return a row for each group of clocks and for each count of tickets, beside the week before."""
    return BYTE_ORDER_MARK + csv_bytes([_FIGURES + _BEFORE, *_figures(report)])


def breaches_csv(report: SlaReport) -> bytes:
    """Return a row for each promise that was not kept."""
    return BYTE_ORDER_MARK + csv_bytes(
        [("week", *BREACH_COLUMNS), *([report.week.name, *breach_cells(breach)] for breach in report.breaches)]
    )


def report_json(report: SlaReport) -> bytes:
    """Return everything the report says as one JSON document."""
    week = report.week
    before = asdict(report.tickets_before)
    document = {
        "organization": report.organization,
        "week": week.name,
        "from": f"{week.days[0]}",
        "to": f"{week.days[-1]}",
        "timezone": week.zone,
        "as_of": rfc3339(report.made_at),
        "total": _compared_json(report.whole),
        "groups": {str(one): [_compared_json(group) for group in found] for one, found in report.groups.items()},
        "days": [{"day": f"{day}", **tally_json(tally)} for day, tally in report.days],
        "weeks": [{"week": one.name, **tally_json(tally)} for one, tally in report.weeks],
        "tickets": {name: {"count": count, "before": before[name]} for name, count in asdict(report.tickets).items()},
        "breaches": [breach_json(breach) for breach in report.breaches],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _compared_json(group: Compared) -> dict[str, Any]:
    return {"key": group.key, "name": group.name, **tally_json(group.week), "before": tally_json(group.before)}


def _figures(report: SlaReport) -> Iterator[list[Cell]]:
    week = report.week.name
    yield [week, "all", "all", *_clocks(report.whole)]
    for dimension, groups in report.groups.items():
        for group in groups:
            yield [week, dimension, group.name, *_clocks(group)]
    before = asdict(report.tickets_before)
    for name, count in asdict(report.tickets).items():
        yield [week, "tickets", name, count, None, None, None, before[name], None, None, None]


def _clocks(group: Compared) -> list[Cell]:
    cells: list[Cell] = []
    for tally in (group.week, group.before):
        cells += [tally.decided, tally.met, tally.breached, _percent(tally.compliance)]
    return cells


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
