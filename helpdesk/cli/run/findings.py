"""One page on what the pipeline found for a ticket."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

_FIELDS = ("category", "priority", "team", "type")
_DRAFT_LINES = 8
_LABEL_WIDTH = 11


def findings(ticket: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    """Yield label and line by line what a ticket has, as `GET /tickets/{id}` shows it; a label stands once."""
    sections = {
        "triage": _triage(ticket.get("triage") or {}),
        "articles": _articles(ticket.get("suggestions") or {}),
        "draft": _draft(ticket.get("draft")),
        "due": _due(ticket.get("sla") or []),
        "risk": _risk(ticket.get("prediction") or []),
    }
    for label, lines in sections.items():
        for number, line in enumerate(lines):
            yield label if number == 0 else "", line


def as_text(ticket: dict[str, Any]) -> Text:
    """Return the findings as plain lines."""
    return Text("\n").join(Text(f"{label:<{_LABEL_WIDTH}}").append_text(line) for label, line in findings(ticket))


def as_grid(ticket: dict[str, Any]) -> Table:
    """Return the findings in two columns, each line broken within its own."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold cyan")
    grid.add_column()
    for label, line in findings(ticket):
        grid.add_row(label, line)
    return grid


def _triage(triage: dict[str, Any]) -> Iterator[Text]:
    for field in _FIELDS:
        found = triage.get(field)
        if found is None or found["value"] is None:
            continue
        how = "set" if found["decision"] == "auto" else "suggested"
        line = Text(f"{field:<9}")
        line.append(f"{found['value']} ", "bold")
        line.append(f"{found['probability']:.0%}, {how} by {found['source']}", "dim")
        yield line


def _articles(suggestions: dict[str, Any]) -> Iterator[Text]:
    for item in suggestions.get("items", []):
        yield Text.assemble((f"{item['relevance']:.0%} ", "bold"), item["title"], (f"  {item['heading_path']}", "dim"))
    if not suggestions.get("items"):
        yield Text(f"nothing suitable: {suggestions.get('reason') or 'no article is relevant enough'}", "yellow")


def _draft(draft: dict[str, Any] | None) -> Iterator[Text]:
    if draft is None:
        return
    if draft["state"] == "abstained":
        yield Text(f"none: {draft['abstain_reason']}", "yellow")
        return
    lines = [line for line in draft["body"].splitlines() if line.strip()]
    for line in lines[:_DRAFT_LINES]:
        yield Text(line)
    if len(lines) > _DRAFT_LINES:
        yield Text(f"... and {len(lines) - _DRAFT_LINES} lines more", "dim")
    for source in draft["sources"]:
        heading = f" > {source['heading']}" if source["heading"] else ""
        yield Text(f"[{source['id']}] {source['title']}{heading}", "green")
    yield Text(f"{draft['method']}{', ' + draft['model'] if draft['model'] else ''}; an agent approves it", "dim")


def _due(clocks: list[dict[str, Any]]) -> Iterator[Text]:
    for clock in clocks:
        if clock["due_at"] is not None:
            yield Text(f"{_metric(clock['metric']):<16}{_local(clock['due_at'])}")


def _risk(predictions: list[dict[str, Any]]) -> Iterator[Text]:
    for prediction in predictions:
        share = prediction["probability"]
        style = "red" if share >= 0.5 else "yellow" if share >= 0.2 else "green"
        yield Text.assemble(f"{_metric(prediction['metric']):<16}", (f"{share:.0%} likely to be late", style))


def _metric(name: str) -> str:
    return name.replace("_", " ")


def _local(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone():%a %d %b %H:%M %Z}"
