"""Read a user's notifications in an order that never skips one that commits late.

A notification that changes, above all by being read, moves to the end of the stream: who comes back after a while gets
each one as it stands, once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, literal_column, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.events.stream import START, Cursor, Newest
from helpdesk.models.notifications import Notification

# To be set with each change of a notification: a new position, the stream's last.
MOVED: Final[Mapping[str, Any]] = {"transaction_id": text("DEFAULT"), "seq": text("DEFAULT")}

# Only below the oldest transaction still open: what is above may yet be joined by one with a lower number.
_HORIZON = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BigInteger)

# For each of the users: the newest that may be read, and whether newer ones wait for a transaction to end.
_NEWEST = text("""
    SELECT asked.user_id, settled.transaction_id, settled.seq, EXISTS (
           SELECT FROM notifications
            WHERE organization_id = :organization_id AND user_id = asked.user_id
              AND transaction_id >= horizon) AS held_back
      FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon) AS here
     CROSS JOIN unnest(CAST(:user_ids AS uuid[])) AS asked (user_id)
      LEFT JOIN LATERAL (
           SELECT transaction_id, seq FROM notifications
            WHERE organization_id = :organization_id AND user_id = asked.user_id AND transaction_id < horizon
            ORDER BY transaction_id DESC, seq DESC LIMIT 1) AS settled ON true
""")


async def read_notifications(
    session: AsyncSession, *, organization_id: UUID, user_id: UUID, after: Cursor, limit: int = 200
) -> Sequence[Notification]:
    """Return the user's next notifications after a position, in order; `position_of` tells the position of each."""
    place = tuple_(Notification.transaction_id, Notification.seq)
    rows = await session.scalars(
        select(Notification)
        .where(
            Notification.organization_id == organization_id,
            Notification.user_id == user_id,
            place > tuple_(after.transaction_id, after.seq),
            Notification.transaction_id < _HORIZON,
        )
        .order_by(Notification.transaction_id, Notification.seq)
        .limit(limit)
    )
    return rows.all()


def position_of(notification: Notification) -> Cursor:
    """Return where a notification stands in its user's stream."""
    return Cursor(notification.transaction_id, notification.seq)


async def newest_notifications(
    session: AsyncSession, *, organization_id: UUID, user_ids: Sequence[UUID]
) -> dict[UUID, Newest]:
    """Return how far the notifications of each of the users can be read, in one statement."""
    rows = await session.execute(_NEWEST, {"organization_id": organization_id, "user_ids": list(user_ids)})
    return {
        row.user_id: Newest(START if row.seq is None else Cursor(row.transaction_id, row.seq), row.held_back)
        for row in rows
    }
