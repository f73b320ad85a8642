"""Follow the history of jobs as it is written, without losing an event whose transaction commits late.

Ids are taken in order, but become visible when their transaction commits: behind the newest event seen, an older one
may still appear. A reader that remembers the newest id alone loses it. Here everything above a floor is looked at
again, and the floor rises only over ids whose transactions have all ended, which the numbers of transactions tell:

1. Every transaction that took an id up to M has a number below one that is drawn after M was seen.
2. Once the oldest transaction still open has a higher number than that, nothing can appear at or below M any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import transaction_time

# Nothing is seen twice for longer than a transaction of the product may take, so this is for foreign ones left open.
_MOST_REMEMBERED = 200_000

_OPEN = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
_DRAWN = text("SELECT pg_current_xact_id()::text::bigint")
_EVENTS = text("""
    SELECT e.id, e.created_at, e.organization_id, e.job_id, e.event, e.attempt, e.worker, e.detail, j.job_type
      FROM job_events AS e LEFT JOIN job_queue AS j ON j.id = e.job_id
     WHERE e.id > :floor AND e.created_at > :since AND NOT e.id = ANY (CAST(:seen AS bigint[]))
       AND (CAST(:organization_id AS uuid) IS NULL OR e.organization_id = :organization_id)
     ORDER BY e.id LIMIT :limit
""")
_NEWEST = text("SELECT coalesce(max(id), 0) FROM job_events WHERE created_at > now() - interval '1 day'")
_LATEST = text("""
    SELECT id FROM job_events
     WHERE id <= :newest AND created_at > now() - interval '1 day'
       AND (CAST(:organization_id AS uuid) IS NULL OR organization_id = :organization_id)
     ORDER BY id DESC LIMIT :count
""")
_VISIBLE = text("""
    SELECT id FROM job_events
     WHERE id > :floor AND id <= :upto AND created_at > now() - interval '1 day'
       AND (CAST(:organization_id AS uuid) IS NULL OR organization_id = :organization_id)
""")
# How far behind the newest event, in ids, one may still be uncommitted when following begins.
_MOST_UNCOMMITTED = 10_000


@dataclass(frozen=True)
class TailedEvent:
    """An event of a job; `job_type` is None when the job has been pruned."""

    id: int
    created_at: datetime
    organization_id: UUID
    job_id: UUID
    event: str
    attempt: int | None
    worker: UUID | None
    detail: str | None
    job_type: str | None


class SettledFloor:
    """Which ids have been seen, and up to which one nothing new can appear.

    Attributes:
        floor: nothing at or below it is looked at again.
    """

    def __init__(self, floor: int, *, seen: Iterable[int] = ()) -> None:
        self.floor = floor
        self.seen = set(seen)
        # Pairs of (number drawn after the look, newest id seen by it).
        self._marks: deque[tuple[int, int]] = deque()

    def note(self, ids: Iterable[int], *, oldest_open: int, drawn: int) -> None:
        """Take note of one look.

        Args:
            ids: what it found.
            oldest_open: the number of the oldest open transaction, read before the look.
            drawn: a transaction number drawn after it.
        """
        self.seen.update(ids)
        while self._marks and self._marks[0][0] < oldest_open:
            self._rise(self._marks.popleft()[1])
        newest = max(self.seen, default=self.floor)
        if newest > self.floor and (not self._marks or self._marks[-1][1] < newest):
            self._marks.append((drawn, newest))
        if len(self.seen) > _MOST_REMEMBERED:
            self._rise(sorted(self.seen)[len(self.seen) // 2])

    def _rise(self, floor: int) -> None:
        self.floor = max(self.floor, floor)
        self.seen = {each for each in self.seen if each > self.floor}


class Tail:
    """Follows the events of one organisation's jobs, or of everybody's (None, with the worker role).

    Each look wants a session of its own, outside any longer transaction.
    """

    def __init__(self, organization_id: UUID | None) -> None:
        self._organization_id = organization_id
        self._ids: SettledFloor | None = None
        self._since: datetime | None = None

    async def begin(self, session: AsyncSession, *, back: int) -> None:
        """Start with the last `back` events there are, of the last day; 0 starts with what comes."""
        newest = (await session.execute(_NEWEST)).scalar_one()
        own = {"organization_id": self._organization_id}
        latest = (await session.execute(_LATEST, own | {"newest": newest, "count": back})).scalars().all()
        shown_above = latest[-1] - 1 if latest else newest
        floor = max(min(shown_above, newest - _MOST_UNCOMMITTED), 0)
        before = await session.execute(_VISIBLE, own | {"floor": floor, "upto": shown_above})
        self._ids = SettledFloor(floor, seen=before.scalars())
        self._since = await transaction_time(session) - timedelta(days=1)

    async def look(self, session: AsyncSession, *, limit: int = 1000) -> list[TailedEvent]:
        """Return the events that have appeared since the last look, by id; when it is `limit` long, look again."""
        assert self._ids is not None
        oldest_open = (await session.execute(_OPEN)).scalar_one()
        values = {
            "floor": self._ids.floor,
            "since": self._since,
            "seen": sorted(self._ids.seen),
            "organization_id": self._organization_id,
            "limit": limit,
        }
        found = [TailedEvent(**row) for row in (await session.execute(_EVENTS, values)).mappings()]
        drawn = (await session.execute(_DRAWN)).scalar_one()
        self._ids.note((event.id for event in found), oldest_open=oldest_open, drawn=drawn)
        return found
