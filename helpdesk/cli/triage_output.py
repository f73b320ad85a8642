"""How `atum-desk triage` shows versions, gates and drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from helpdesk.learned_models.versions import Version
from helpdesk.models.learning import DriftReport, TriageGate

_STATES = {"champion": "in use", "challenger": "put aside", "retired": "retired"}
_MEASURES = {"accuracy": "accuracy", "macro_f1": "macro-F1", "calibration_error": "calibration error"}


def plain(row: Any) -> dict[str, Any]:
    """Return a row as JSON values."""
    values = asdict(row) if is_dataclass(row) and not isinstance(row, type) else _columns(row)
    return {name: _plain(value) for name, value in values.items() if name != "organization_id"}


def _columns(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, UUID) else value


def version_lines(found: Sequence[Version]) -> list[str]:
    """Return a line or two for each version."""
    if not found:
        return ["Nothing has been trained yet; the first ticket, or `atum-desk triage train`, does it."]
    lines = []
    for one in found:
        state = "training" if one.training else _STATES[one.state]
        back = ", rolled back" if one.rolled_back_at else ""
        lines.append(f"{one.kind} {one.version}  {state}{back}  {_day(one.created_at)}  {one.trained_on} labels")
        if one.reason:
            lines.append(f"    {one.reason}")
    return lines


def version_details(one: Version) -> list[str]:
    """Return the figures of a version."""
    lines = version_lines([one])
    for name, figures in one.metrics.items():
        if name != "contest" and isinstance(figures, Mapping) and (told := _told(figures)):
            lines.append(f"  {name}: {told}, on {figures.get('examples', '?')} tickets it had not seen")
    contest = one.metrics.get("contest")
    if contest:
        lines.append(f"  Compared on {contest['tickets']} tickets ({contest['how']}):")
        for name, both in contest["fields"].items():
            worse = f"; worse: {', '.join(_MEASURES[measure] for measure in both['worse'])}" if both["worse"] else ""
            lines.append(f"    {name}: {_told(both['champion'])} before; {_told(both['challenger'])} after{worse}")
    if one.size == 0 and not one.training:
        lines.append("  Only its figures are kept; it cannot be used any more.")
    return lines


def gate_lines(found: Sequence[TriageGate]) -> list[str]:
    """Return a line for each gate, those that fell first."""
    if not found:
        return ["Triage has predicted nothing yet."]
    ranked = sorted(found, key=lambda gate: (gate.state == "open", gate.field, gate.value))
    return [
        f"{'open  ' if gate.state == 'open' else 'FALLEN'}  {gate.field}{f' = {gate.value}' if gate.value else ''}: "
        f"{gate.reason}"
        for gate in ranked
    ]


def drift_lines(found: Sequence[DriftReport]) -> list[str]:
    """Return the reports, a sentence for each field."""
    if not found:
        return ["There is no report yet; one is made each Monday, or now with --report."]
    lines = []
    for one in found:
        lines.append(f"{_day(one.since)} to {_day(one.until)}: {one.summary}")
        lines += [f"  {'!' if each['act'] else ' '} {each['sentence']}" for each in one.fields.values()]
    return lines


def _told(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{said} {figures[name]:.3f}" for name, said in _MEASURES.items() if name in figures)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
