"""Turn what a cell says into a value of the product, or refuse it in a sentence."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from helpdesk.models.values import TicketPriority, TicketStatus, TicketType
from helpdesk.transfer.markup import html_to_markdown
from helpdesk.transfer.rows import LONGEST_TEXT, RowRefused

Value = TypeVar("Value", bound=StrEnum)

LONGEST_SUBJECT = 200
_LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_NAMED_ADDRESS = re.compile(r"\s*(?P<name>[^<>]*?)\s*<(?P<email>[^<>]+)>\s*")

PRIORITIES = {
    "medium": TicketPriority.NORMAL,
    "moderate": TicketPriority.NORMAL,
    "minor": TicketPriority.LOW,
    "lowest": TicketPriority.LOW,
    "major": TicketPriority.HIGH,
    "highest": TicketPriority.URGENT,
    "critical": TicketPriority.URGENT,
    "emergency": TicketPriority.URGENT,
    "p1": TicketPriority.URGENT,
    "p2": TicketPriority.HIGH,
    "p3": TicketPriority.NORMAL,
    "p4": TicketPriority.LOW,
}
STATUSES = {
    "resolved": TicketStatus.SOLVED,
    "done": TicketStatus.SOLVED,
    "fixed": TicketStatus.SOLVED,
    "in_progress": TicketStatus.OPEN,
    "active": TicketStatus.OPEN,
    "assigned": TicketStatus.OPEN,
    "reopened": TicketStatus.OPEN,
    "waiting": TicketStatus.PENDING,
    "waiting_on_customer": TicketStatus.PENDING,
    "waiting_for_customer": TicketStatus.PENDING,
    "hold": TicketStatus.ON_HOLD,
    "waiting_on_third_party": TicketStatus.ON_HOLD,
}
TYPES = {
    "service_request": TicketType.REQUEST,
    "bug": TicketType.INCIDENT,
    "how_to": TicketType.QUESTION,
}


def one_of(said: Any, kind: type[Value], *, field: str, synonyms: dict[str, Value] | None = None) -> Value:
    """Return the value of a closed set that a word means.

    Raises:
        RowRefused: it means none of them.
    """
    word = re.sub(r"[\s\-]+", "_", str(said).strip().lower())
    known: dict[str, Value] = {value.value: value for value in kind} | (synonyms or {})
    if word not in known:
        raise RowRefused(f"The {field} {short(said)!r} is none of {', '.join(kind)}.", field=field)
    return known[word]


def moment(said: Any, *, field: str, now: datetime) -> datetime:
    """Return a time in UTC, from ISO 8601 (without an offset it is UTC) or seconds since 1970.

    Raises:
        RowRefused: it is no time, or lies in the future.
    """
    try:
        if isinstance(said, int | float) or re.fullmatch(r"\d{9,11}(\.\d+)?", str(said).strip()):
            found = datetime.fromtimestamp(float(said), tz=UTC)
        else:
            found = datetime.fromisoformat(str(said).strip())
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise RowRefused(
            f"The {field} {short(said)!r} is not a time; write it like 2026-03-03T10:30:00Z.", field=field
        ) from error
    if found > now:
        raise RowRefused(f"The {field} {short(said)!r} lies in the future.", field=field)
    return found


def day(said: Any, *, field: str) -> date:
    """Return a date from ISO 8601; raise RowRefused."""
    if isinstance(said, date):
        return said
    try:
        return date.fromisoformat(str(said).strip())
    except ValueError as error:
        raise RowRefused(f"The {field} {short(said)!r} is not a date like 2026-03-31.", field=field) from error


def address(said: Any) -> tuple[str, str]:
    """Return (e-mail address, name) from `ada@example.org` or `Ada <ada@example.org>`; raise RowRefused."""
    named = _NAMED_ADDRESS.fullmatch(str(said))
    email, name = (named["email"].strip(), named["name"].strip('" ')) if named else (str(said).strip(), "")
    if not _EMAIL.fullmatch(email) or len(email) > _LONGEST_EMAIL:
        raise RowRefused(f"{short(said)!r} is not an e-mail address.", field="requester_email")
    return email, name


def words(said: Any, *, field: str) -> tuple[str, ...]:
    """Return a list of words from a list, or from a text that commas or semicolons part; raise RowRefused."""
    parts = said if isinstance(said, list) else re.split(r"[,;]", str(said))
    if any(not isinstance(part, str | int) for part in parts):
        raise RowRefused(f"The {field} are not a list of words.", field=field)
    return tuple(dict.fromkeys(word for part in parts if (word := str(part).strip())))


def long_text(said: Any, *, field: str, html: bool = False) -> str:
    """Return a text of several lines; HTML becomes Markdown.

    Raises:
        RowRefused: it is no text, or longer than 200,000 characters.
    """
    text = plain_text(said, field=field)
    if html:
        text = html_to_markdown(text).text
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > LONGEST_TEXT:
        raise RowRefused(
            f"The {field} is {len(text):,} characters long; at most {LONGEST_TEXT:,} are taken.", field=field
        )
    return text


def plain_text(said: Any, *, field: str) -> str:
    """Return a text as it is; a number becomes its digits; raise RowRefused for anything else."""
    if isinstance(said, str):
        return said.strip()
    if isinstance(said, int | float | date) and not isinstance(said, bool):
        return str(said)
    raise RowRefused(f"The {field} is not a text.", field=field)


def one_line(text: str, *, longest: int = LONGEST_SUBJECT) -> str:
    """Return the first line of a text that says something, cut at a word where it is too long."""
    line = next((" ".join(line.split()) for line in text.splitlines() if line.strip()), "")
    if len(line) <= longest:
        return line
    cut = line[: longest - 1]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut else cut}…"


def short(said: Any) -> str:
    """Return a value as it may be quoted in a sentence."""
    return one_line(str(said), longest=60)
