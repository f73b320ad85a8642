"""Read a ticket from a row; pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from helpdesk.models.values import TicketPriority, TicketStatus, TicketType
from helpdesk.tickets.lifecycle import is_settled
from helpdesk.tickets.requests import NewTicket, Requester
from helpdesk.transfer.exported import Exported, read_exported
from helpdesk.transfer.mapping import ColumnMapping, Picked
from helpdesk.transfer.markup import looks_like_html
from helpdesk.transfer.rows import LONGEST_TEXT, Row, RowRefused, refuse_unstorable
from helpdesk.transfer.values import (
    PRIORITIES,
    STATUSES,
    TYPES,
    address,
    long_text,
    moment,
    one_line,
    one_of,
    plain_text,
    words,
)

CHANNEL = "import"
# What people write where a ticket belongs to no category.
_NO_CATEGORY = frozenset(("none", "null", "n/a", "-"))


@dataclass(frozen=True)
class TicketRow:
    """A ticket to be imported.

    Attributes:
        new: the ticket without its category, which is found by `category`, a name or slug.
        status: where it stands now.
        opened_at, solved_at: None where the row tells nothing.
        answer: what the requester was told in the end.
        exported: what an export of the product's own tells besides.
    """

    row: Row
    external_id: str
    new: NewTicket
    category: str | None
    status: TicketStatus
    opened_at: datetime | None
    solved_at: datetime | None
    answer: str | None
    exported: Exported

    @property
    def is_past(self) -> bool:
        """Return whether nobody works on it any more."""
        return is_settled(self.status)


@dataclass
class TicketReader:
    """Reads the rows of one input, in their order.

    Attributes:
        now: what no time of a row may lie behind (UTC).
    """

    mapping: ColumnMapping
    now: datetime
    _seen: Counter[str] = field(default_factory=Counter)

    def read(self, row: Row) -> TicketRow:
        """Return the ticket of a row.

        Raises:
            RowRefused: naming the field that is wrong.
        """
        refuse_unstorable(row.values)
        picked = self.mapping.pick(row.values)
        fields = picked.fields
        status = (
            one_of(fields["status"], TicketStatus, field="status", synonyms=STATUSES)
            if "status" in fields
            else TicketStatus.NEW
        )
        answer = _said(picked, "answer") or None
        subject, body = _subject_and_body(fields, _said(picked, "body"))
        exported = read_exported(picked.rest, now=self.now)
        custom = exported.custom if answer is None or is_settled(status) else exported.custom | {"answer": answer}
        category = plain_text(fields["category"], field="category") if "category" in fields else None
        times = {name: moment(fields[name], field=name, now=self.now) for name in _TIMES if name in fields}
        external_id = self._external_id(row, fields)
        new = NewTicket(
            subject=subject,
            body=body,
            requester=_requester(fields),
            channel=CHANNEL,
            priority=_optional(fields, "priority", TicketPriority, PRIORITIES),
            type=_optional(fields, "type", TicketType, TYPES),
            team=plain_text(fields["team"], field="team") if "team" in fields else None,
            tags=words(fields["tags"], field="tags") if "tags" in fields else (),
            custom=custom,
            external_id=external_id,
        )
        return TicketRow(
            row=row,
            external_id=external_id,
            new=new,
            category=None if category is None or category.lower() in _NO_CATEGORY else category,
            status=status,
            opened_at=times.get("created_at"),
            solved_at=_solved_at(times),
            answer=answer,
            exported=exported,
        )

    def _external_id(self, row: Row, fields: dict[str, Any]) -> str:
        """Return the row's own id, or one from its words, which a second import finds again."""
        if "external_id" in fields:
            return plain_text(fields["external_id"], field="external_id")
        said = json.dumps(row.values, sort_keys=True, ensure_ascii=False, default=str)
        digest = hashlib.sha256(said.encode()).hexdigest()[:24]
        self._seen[digest] += 1
        # Two rows that say the same are two tickets.
        return f"row-{digest}-{self._seen[digest]}"


_TIMES = ("created_at", "solved_at")


def _solved_at(times: dict[str, datetime]) -> datetime | None:
    solved, opened = times.get("solved_at"), times.get("created_at")
    if solved is not None and opened is not None and solved < opened:
        raise RowRefused("The ticket was solved before it was opened.", field="solved_at")
    return solved


def _optional(fields: dict[str, Any], name: str, kind: Any, synonyms: dict[str, Any]) -> Any:
    return one_of(fields[name], kind, field=name, synonyms=synonyms) if name in fields else None


def _said(picked: Picked, name: str) -> str:
    """Return a text of several lines, from HTML where the column or the text itself says so."""
    if name not in picked.fields:
        return ""
    said = plain_text(picked.fields[name], field=name)
    return long_text(said, field=name, html=name in picked.html or looks_like_html(said))


def _subject_and_body(fields: dict[str, Any], body: str) -> tuple[str, str]:
    """Return both; one that is missing is taken from the other."""
    said = plain_text(fields["subject"], field="subject") if "subject" in fields else ""
    if not said and not body:
        raise RowRefused("The row has neither a subject nor a body.", field="subject")
    if len(said) > LONGEST_TEXT:
        raise RowRefused(f"The subject is {len(said):,} characters long.", field="subject")
    subject = one_line(said or body)
    if not body:
        return subject, said
    # What does not fit into the subject is not lost.
    return subject, f"{said}\n\n{body}" if subject.endswith("…") and said else body


def _requester(fields: dict[str, Any]) -> Requester | None:
    if "requester_email" not in fields:
        return None
    email, name = address(fields["requester_email"])
    given = plain_text(fields["requester_name"], field="requester_name") if "requester_name" in fields else name
    return Requester(email, one_line(given))
