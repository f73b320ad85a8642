"""What clocks are judged against that is not of their own ticket: the desk, and how clocks ended before.

To read it takes a look at the whole log of some weeks. It is therefore read before tickets are locked; and the jobs
that predict, of which each change of a ticket starts one, share what was read as of the last full minute.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from cachetools import TTLCache
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.sla.prediction.champion import ended_clocks
from helpdesk.sla.prediction.desk import Desk, read_desk
from helpdesk.sla.prediction.endings import Endings
from helpdesk.sla.prediction.hazard import HazardTable
from helpdesk.sla.prediction.moments import zone_of

_KEPT_S = 60
# Of a large desk each takes some megabytes.
_MOST_KEPT = 16


@dataclass(frozen=True)
class Surroundings:
    """A desk and its past.

    Attributes:
        as_of: nothing that happened later is in it.
        cases: how many ended clocks there are in `endings` and `table`.
    """

    as_of: datetime
    zone: ZoneInfo
    desk: Desk
    cases: int
    endings: Endings
    table: HazardTable


async def read_surroundings(session: AsyncSession, *, organization_id: UUID, now: datetime) -> Surroundings:
    """Read the surroundings of an organisation's clocks at a moment."""
    desk = await read_desk(session, organization_id=organization_id, first=now, last=now)
    ended = await ended_clocks(session, organization_id=organization_id, now=now)
    zone = await zone_of(session, organization_id=organization_id)
    return Surroundings(now, zone, desk, len(ended), Endings(ended), HazardTable(ended))


class RecentSurroundings:
    """The surroundings that a process has read of late, as of full minutes; for jobs, which ask about the present.

    What is read for one minute answers for any moment of that minute, and never for an earlier one.
    """

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Database, _Kept] = WeakKeyDictionary()

    async def at(self, database: Database, *, organization_id: UUID, now: datetime) -> Surroundings:
        """Return the surroundings as of the last full minute; to be called outside of a transaction."""
        minute = now.replace(second=0, microsecond=0)
        kept = self._kept.setdefault(database, _Kept())
        # One reads, and the others that ask for the same organisation meanwhile wait for it.
        async with kept.reading[organization_id]:
            found = kept.surroundings.get((organization_id, minute))
            if found is None:
                async with database.transaction(organization_id) as session:
                    found = await read_surroundings(session, organization_id=organization_id, now=minute)
                kept.surroundings[organization_id, minute] = found
        return found


class _Kept:
    def __init__(self) -> None:
        self.reading: dict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.surroundings: TTLCache[tuple[UUID, datetime], Surroundings] = TTLCache(_MOST_KEPT, _KEPT_S)


# What the jobs of this process share.
RECENT = RecentSurroundings()
