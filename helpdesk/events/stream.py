"""Read the events of an organisation in an order that never skips one that commits late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid

_LONGEST_CURSOR = 40
_LARGEST_NUMBER = 2**63 - 1

# Only below the oldest transaction still open: what is above may yet be joined by an event with a lower number.
_AFTER = text("""
    SELECT transaction_id, seq, id, ticket_id, kind, occurred_at, actor_kind, actor_id, data
      FROM ticket_events
     WHERE organization_id = :organization_id
       AND (transaction_id, seq) > (:transaction_id, :seq)
       AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
     ORDER BY transaction_id, seq
     LIMIT :limit
""")
# The newest event that may be read, and whether there are newer ones that wait for a transaction to end.
_NEWEST = text("""
    SELECT settled.transaction_id, settled.seq, EXISTS (
           SELECT FROM ticket_events
            WHERE organization_id = :organization_id AND transaction_id >= horizon) AS held_back
      FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon) AS here
      LEFT JOIN LATERAL (
           SELECT transaction_id, seq FROM ticket_events
            WHERE organization_id = :organization_id AND transaction_id < horizon
            ORDER BY transaction_id DESC, seq DESC LIMIT 1) AS settled ON true
""")
# A position is always below this number; after a restore into another server it may not be.
_IS_AHEAD = text("SELECT :transaction_id >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint")

# Rows restored from another server carry numbers that lie in the future of this one: they belong before everything new.
SETTLE = """
UPDATE {table} SET transaction_id = 0
 WHERE transaction_id >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
"""
STREAMED_TABLES = ("ticket_events", "notifications")


class InvalidCursor(Invalid):
    """The position in the stream cannot be read."""


@dataclass(frozen=True, order=True)
class Cursor:
    """A position in the stream."""

    transaction_id: int
    seq: int

    @classmethod
    def parse(cls, value: str) -> Self:
        """Read the form that `str` writes.

        Raises:
            InvalidCursor: it has another form.
        """
        transaction_id, _, seq = value.partition("-")
        if transaction_id.isdecimal() and seq.isdecimal() and len(value) <= _LONGEST_CURSOR:
            cursor = cls(int(transaction_id), int(seq))
            if max(cursor.transaction_id, cursor.seq) <= _LARGEST_NUMBER:
                return cursor
        raise InvalidCursor(f"{value[:_LONGEST_CURSOR]!r} is not a position in the stream.")

    def __str__(self) -> str:
        return f"{self.transaction_id}-{self.seq}"


START = Cursor(0, 0)


@dataclass(frozen=True)
class Newest:
    """How far a stream can be read.

    Attributes:
        cursor: the position of the newest event that may be read.
        held_back: whether newer ones wait for a transaction that is still open.
    """

    cursor: Cursor
    held_back: bool


@dataclass(frozen=True)
class StreamedEvent:
    """One event with its position."""

    cursor: Cursor
    id: UUID
    ticket_id: UUID
    kind: str
    occurred_at: datetime
    actor_kind: str
    actor_id: UUID | None
    data: dict[str, Any]


async def read_events(
    session: AsyncSession, *, organization_id: UUID, after: Cursor, limit: int = 200
) -> Sequence[StreamedEvent]:
    """Return the next events after a position, in order."""
    rows = await session.execute(
        _AFTER,
        {"organization_id": organization_id, "transaction_id": after.transaction_id, "seq": after.seq, "limit": limit},
    )
    return [StreamedEvent(Cursor(row.transaction_id, row.seq), *row[2:]) for row in rows]


async def newest_event(session: AsyncSession, *, organization_id: UUID) -> Newest:
    """Return how far the organisation's events can be read."""
    row = (await session.execute(_NEWEST, {"organization_id": organization_id})).one()
    return Newest(START if row.seq is None else Cursor(row.transaction_id, row.seq), row.held_back)


async def latest_cursor(session: AsyncSession, *, organization_id: UUID) -> Cursor:
    """Return the position after everything that has happened so far."""
    return (await newest_event(session, organization_id=organization_id)).cursor


async def is_ahead(session: AsyncSession, cursor: Cursor) -> bool:
    """Tell whether a position is none of this server's: no transaction has had its number yet."""
    ahead: bool = (await session.execute(_IS_AHEAD, {"transaction_id": cursor.transaction_id})).scalar_one()
    return ahead
