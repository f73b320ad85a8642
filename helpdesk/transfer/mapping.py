"""Which column holds which field: by the usual names, or as the caller says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from helpdesk.errors import Invalid

# Field by field, the names other systems give it; the first one present is taken. A column serves one field only.
TICKET_COLUMNS: dict[str, tuple[str, ...]] = {
    "subject": ("subject", "title", "short_description", "headline", "summary", "question"),
    "body": ("body", "description", "message", "text", "content", "details", "question_body"),
    "external_id": ("external_id", "ticket_id", "id", "key", "number", "case_number", "issue_key"),
    "category": ("category", "intent", "topic"),
    "priority": ("priority", "prio"),
    "type": ("type", "ticket_type"),
    "status": ("status", "state"),
    "team": ("team", "group", "assignment_group", "queue"),
    "requester_email": (
        "requester_email",
        "email",
        "from_email",
        "customer_email",
        "contact_email",
        "requester",
        "from",
        "reporter",
    ),
    "requester_name": ("requester_name", "customer_name", "contact_name", "from_name"),
    "created_at": ("created_at", "created", "opened_at", "created_on", "opened", "date"),
    "solved_at": ("solved_at", "resolved_at", "closed_at", "closed_on", "resolved", "closed"),
    "answer": ("answer", "resolution", "reference_answer", "solution"),
    "tags": ("tags", "labels", "keywords"),
}
ARTICLE_COLUMNS: dict[str, tuple[str, ...]] = {
    "title": ("title", "name", "subject", "headline"),
    "body": ("body", "body_markdown", "content", "markdown", "text", "article"),
    "summary": ("summary", "abstract", "description", "excerpt"),
    "external_id": ("external_id", "article_id", "id", "key"),
    "category": ("category", "section", "topic"),
    "tags": ("tags", "labels", "keywords"),
    "products": ("products", "product"),
    "language": ("language", "lang", "locale"),
    "visibility": ("visibility", "audience"),
    "state": ("state", "status"),
    "source_url": ("source_url", "url", "link"),
    "source_repo": ("source_repo",),
    "source_path": ("source_path",),
    "license": ("license", "licence"),
    "review_at": ("review_at", "review_date"),
}
_HTML_SUFFIX = "_html"


class WrongMapping(Invalid):
    """A column mapping cannot be used."""


@dataclass(frozen=True)
class Picked:
    """A row by field.

    Attributes:
        fields: the values that fields were found for.
        html: the fields whose column says that it holds HTML.
        rest: the other columns.
    """

    fields: dict[str, Any]
    html: frozenset[str]
    rest: dict[str, Any]


@dataclass
class ColumnMapping:
    """Finds the column of each field.

    Attributes:
        guesses: the usual names of each field.
        chosen: what the caller says; a field with an empty column is left out.
    """

    guesses: Mapping[str, Sequence[str]]
    chosen: Mapping[str, str] = field(default_factory=dict)
    _known: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)

    def pick(self, values: Mapping[str, Any]) -> Picked:
        """Return a row's values by field, empty ones left out."""
        columns = self.columns_of(tuple(values))
        fields = {name: values[column] for name, column in columns.items() if not _is_empty(values[column])}
        html = frozenset(name for name, column in columns.items() if _plain(column).endswith(_HTML_SUFFIX))
        taken = set(columns.values())
        rest = {name: value for name, value in values.items() if name not in taken and not _is_empty(value)}
        return Picked(fields, html, rest)

    def columns_of(self, columns: tuple[str, ...]) -> dict[str, str]:
        """Return the column of each field among those of a row."""
        if columns not in self._known:
            self._known[columns] = self._find(columns)
        return self._known[columns]

    def never_found(self) -> list[str]:
        """Return the chosen columns that no row had."""
        seen = {name for columns in self._known.values() for name in columns}
        return [column for name, column in self.chosen.items() if column and name not in seen]

    def _find(self, columns: tuple[str, ...]) -> dict[str, str]:
        by_name = {_plain(column): column for column in reversed(columns)}
        found = {
            name: by_name.get(_plain(column), column)
            for name, column in self.chosen.items()
            if column in columns or _plain(column) in by_name
        }
        for name, guesses in self.guesses.items():
            if name in self.chosen:
                continue
            names = (form for guess in guesses for form in (guess, f"{guess}{_HTML_SUFFIX}"))
            free = (by_name[form] for form in names if form in by_name and by_name[form] not in found.values())
            if (column := next(free, None)) is not None:
                found[name] = column
        return found


def parse_choices(said: Sequence[str], *, fields: Sequence[str]) -> dict[str, str]:
    """Return what `field=column` texts choose; `field=` alone leaves the field out.

    Raises:
        WrongMapping: a text has no equals sign, or names a field that does not exist or was named before.
    """
    chosen: dict[str, str] = {}
    for text in said:
        name, equals, column = (part.strip() for part in text.partition("="))
        if not equals:
            raise WrongMapping(f"{text!r} is not of the form field=column.")
        if name not in fields:
            raise WrongMapping(f"There is no field {name!r}; the fields are {', '.join(fields)}.")
        if name in chosen:
            raise WrongMapping(f"The field {name!r} is mapped twice.")
        chosen[name] = column
    return chosen


def _plain(column: str) -> str:
    return re.sub(r"[\s\-.]+", "_", column.strip().lower())


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})
