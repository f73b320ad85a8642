"""Offer the ticks of the schedule; every process does, and the first to offer one enqueues its jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog

from helpdesk.queue.fire import database_now, fire, taken_until
from helpdesk.queue.link import CONNECTION_ERRORS, Runs
from helpdesk.queue.schedule import CronEntry, ticks_due, upcoming
from helpdesk.queue.schedule_file import ScheduleFile
from helpdesk.queue.wake import wake_now

# The schedule's file may have been edited, and the database's clock set.
_LOOK_S = 10.0
_SHORTEST_S = 0.05

log = structlog.get_logger()


class Scheduler:
    """Looks what is due, by the database's clock."""

    def __init__(self, connection: Runs, file: ScheduleFile) -> None:
        self._connection = connection
        self._file = file
        self._entries: Sequence[CronEntry] = ()
        self._next: dict[str, datetime | None] = {}

    async def look(self) -> float:
        """Enqueue what is due and return after how many seconds to look again."""
        if (entries := self._file.entries()) is not self._entries:
            self._entries, self._next = entries, {}
        now = await database_now(self._connection)
        if due := [entry for entry in self._entries if entry.enabled and self._is_due(entry, now)]:
            await self._offer(due, now)
        ahead = [(tick - now).total_seconds() for tick in self._next.values() if tick is not None]
        return max(min([_LOOK_S, *ahead]), _SHORTEST_S)

    def _is_due(self, entry: CronEntry, now: datetime) -> bool:
        # An entry that this process has not looked at yet may have ticks from before it began.
        tick = self._next.get(entry.name, now)
        return tick is not None and tick <= now

    async def _offer(self, entries: Sequence[CronEntry], now: datetime) -> None:
        """Offer the ticks of each entry in their order: where a later one is taken, those before it are too."""
        taken = await taken_until(self._connection, [entry.name for entry in entries])
        for entry in entries:
            for tick in ticks_due(entry, after=taken[entry.name], now=now):
                await self._fire(entry, tick)
            self._next[entry.name] = upcoming(entry, now)

    async def _fire(self, entry: CronEntry, tick: datetime) -> None:
        try:
            jobs = await fire(self._connection, entry, tick=tick)
        except CONNECTION_ERRORS:
            raise
        except Exception as error:  # whatever a plug-in makes of its tick, the other entries must not wait for it
            log.warning(
                "schedule_entry_refused",
                entry=entry.name,
                tick=tick.isoformat(),
                error=f"{type(error).__name__}: {error}",
            )
            return
        if jobs is not None:
            log.info("schedule_fired", entry=entry.name, tick=tick.isoformat(), jobs=jobs)
            wake_now()
