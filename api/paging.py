"""Pages of a list: a cursor says where the last page ended, so that new rows never shift the next one."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from helpdesk.errors import Invalid

MOST_ROWS = 200
Row = TypeVar("Row")
View = TypeVar("View", bound=BaseModel)


class CursorRefused(Invalid):
    """The cursor is not one that this list gave out."""


class PageOf(BaseModel, Generic[View]):
    """One page of a list."""

    items: list[View]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one.")


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    cursor: str | None
    request: Request
    response: Response

    @property
    def look_ahead(self) -> int:
        """Return how many rows to read: one more than shown tells whether there is a next page."""
        return self.limit + 1

    def after_id(self) -> UUID | None:
        """Return the key of the last row seen, in a list ordered by id."""
        parts = self._parts(1)
        return None if parts is None else _decoded(UUID, parts[0])

    def after_number(self) -> int | None:
        """Return the key of the last row seen, in a list ordered by a number."""
        parts = self._parts(1)
        return None if parts is None else _decoded(_number, parts[0])

    def after_moment(self) -> tuple[datetime, UUID] | None:
        """Return the key of the last row seen, in a list ordered by a time and an id."""
        parts = self._parts(2)
        return None if parts is None else (_decoded(read_moment, parts[0]), _decoded(UUID, parts[1]))

    def after_key(self, *readers: Callable[[str], Any]) -> tuple[Any, ...] | None:
        """Return the key of the last row seen, each part read as this list writes it."""
        parts = self._parts(len(readers))
        return None if parts is None else tuple(_decoded(read, part) for read, part in zip(readers, parts, strict=True))

    def of(
        self, rows: Sequence[Row], view: Callable[[Row], View], key: Callable[[Row], tuple[object, ...]]
    ) -> PageOf[View]:
        """Make the page of the rows read, one of which may be the look-ahead."""
        shown = rows[: self.limit]
        return self.ending(shown, view, key(shown[-1]) if len(rows) > self.limit else None)

    def ending(self, rows: Sequence[Row], view: Callable[[Row], View], last: tuple[object, ...] | None) -> PageOf[View]:
        """Make a page of all rows given; another one follows the key `last`, unless that is None."""
        return self.linked([view(row) for row in rows], None if last is None else encode_cursor(*last))

    def linked(self, items: list[View], cursor: str | None) -> PageOf[View]:
        """Make a page of what is shown, with a `Link` header to the page that starts at a cursor."""
        if cursor is not None:
            self.response.headers["Link"] = f'<{self.request.url.include_query_params(cursor=cursor)}>; rel="next"'
        return PageOf(items=items, next_cursor=cursor)

    def _parts(self, count: int) -> list[str] | None:
        if self.cursor is None:
            return None
        try:
            parts = json.loads(base64.urlsafe_b64decode(self.cursor.encode() + b"=="))
        except (binascii.Error, ValueError) as error:
            raise CursorRefused from error
        if not isinstance(parts, list) or len(parts) != count or not all(isinstance(part, str) for part in parts):
            raise CursorRefused
        return parts


def encode_cursor(*key: object) -> str:
    """Write the key of a row as an opaque word."""
    parts = [part.isoformat() if isinstance(part, datetime) else str(part) for part in key]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read_moment(value: str) -> datetime:
    """Read an aware time of a cursor."""
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise CursorRefused
    return moment


def _number(value: str) -> int:
    number = int(value)
    if not 0 <= number < 2**31:
        raise CursorRefused
    return number


def _decoded(read: Callable[[str], Row], value: str) -> Row:
    try:
        return read(value)
    except ValueError as error:
        raise CursorRefused from error


def _page(
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of one page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")] = None,
) -> Page:
    return Page(limit, cursor, request, response)


Paging = Annotated[Page, Depends(_page)]
