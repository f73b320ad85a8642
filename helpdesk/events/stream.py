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
_LATEST = text("""
    SELECT transaction_id, seq
      FROM ticket_events
     WHERE organization_id = :organization_id
       AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
     ORDER BY transaction_id DESC, seq DESC
     LIMIT 1
""")


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
        if not (transaction_id.isdecimal() and seq.isdecimal() and len(value) < 40):
            raise InvalidCursor(f"{value[:40]!r} is not a position in the stream.")
        return cls(int(transaction_id), int(seq))

    def __str__(self) -> str:
        return f"{self.transaction_id}-{self.seq}"


START = Cursor(0, 0)


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


async def latest_cursor(session: AsyncSession, *, organization_id: UUID) -> Cursor:
    """Return the position after everything that has happened so far."""
    row = (await session.execute(_LATEST, {"organization_id": organization_id})).first()
    return START if row is None else Cursor(row.transaction_id, row.seq)
