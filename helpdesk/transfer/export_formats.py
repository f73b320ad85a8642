"""How an exported ticket is written down: as a JSON object on a line, or as a row of a table; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from helpdesk.spreadsheets import BYTE_ORDER_MARK, Cell, csv_bytes, rfc3339
from helpdesk.transfer.export_rows import TicketRecord
from helpdesk.transfer.exported import SCHEMA

_BEFORE_TAGS = (
    *("external_id", "number", "subject", "body", "status", "priority", "type", "channel", "category", "team"),
    *("assignee_email", "requester_email", "requester_name", "company"),
)
_AFTER_TAGS = (
    *("language", "resolution", "created_at", "first_public_reply_at", "solved_at", "updated_at", "reopen_count"),
)
_OF_CLOCKS = ("messages", "sla_clocks", "sla_met", "sla_breached")


class ExportFormat(StrEnum):
    """How a file of tickets is written."""

    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True)
class TicketFormat:
    """One of the formats.

    Attributes:
        head: what a file begins with.
        encode: makes the lines of tickets.
    """

    media_type: str
    head: bytes
    encode: Callable[[Iterable[TicketRecord]], bytes]


def json_lines(records: Iterable[TicketRecord]) -> bytes:
    """Return one JSON object a line, with messages, events and clocks; the importer reads it back."""
    return b"".join(_json_line(record) for record in records)


def csv_rows(records: Iterable[TicketRecord]) -> bytes:
    """Return one row a ticket; a cell that a spreadsheet would run begins with an apostrophe."""
    return csv_bytes(_csv_row(record) for record in records)


def _json_line(record: TicketRecord) -> bytes:
    line = {
        "schema": SCHEMA,
        **record.ticket,
        "external_id": _external_id(record),
        "body": _body(record),
        "messages": record.messages,
        "events": record.events,
        "clocks": record.clocks,
    }
    # Stored JSON can hold a lone surrogate only in its escaped form, which ASCII keeps.
    return json.dumps(line, default=_plain, separators=(",", ":")).encode("ascii") + b"\n"


def _csv_row(record: TicketRecord) -> list[Cell]:
    ticket = {**record.ticket, "external_id": _external_id(record), "body": _body(record)}
    outcomes = [clock["outcome"] for clock in record.clocks]
    return [
        *(ticket[name] for name in _BEFORE_TAGS),
        ", ".join(ticket["tags"] or ()),
        *(ticket[name] for name in _AFTER_TAGS),
        len(record.messages),
        len(record.clocks),
        outcomes.count("met"),
        sum(bool(clock["breached"]) for clock in record.clocks),
    ]


def _external_id(record: TicketRecord) -> str:
    """Return the id other systems know the ticket by, or else its own, so that an import takes each ticket once."""
    return str(record.ticket["external_id"] or record.ticket["id"])


def _body(record: TicketRecord) -> str:
    return str(record.messages[0]["body"]) if record.messages else ""


def _plain(value: object) -> str:
    match value:
        case datetime():
            return rfc3339(value)
        case UUID():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")


FORMATS: dict[ExportFormat, TicketFormat] = {
    ExportFormat.JSONL: TicketFormat("application/jsonl", b"", json_lines),
    ExportFormat.CSV: TicketFormat(
        "text/csv; charset=utf-8",
        BYTE_ORDER_MARK + csv_bytes([[*_BEFORE_TAGS, "tags", *_AFTER_TAGS, *_OF_CLOCKS]]),
        csv_rows,
    ),
}
