"""One tick of the SLA engine over every organisation, chunk by chunk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError

from helpdesk.database.engine import Database, transaction_time
from helpdesk.sla.clocks.failures import tell_failure
from helpdesk.sla.clocks.ticking import CHUNK, Skipped, Tick, WorkedOff, count_skipped, due_tickets, postpone, work_off
from helpdesk.sla.clocks.time_left import TimeLeft

# Due clocks that are listed at once; after a long downtime there are many such lists.
_LISTED = 20_000
# Counting what is skipped takes at most a five-hundredth of the time.
_COUNTED_OF_TIME = 500

log = structlog.get_logger()


@dataclass
class Minute:
    """Runs ticks; what it remembers from one to the next makes the next one cheaper."""

    database: Database
    stop: Callable[[], bool] = lambda: False
    _time_left: TimeLeft = field(default_factory=TimeLeft)
    _skipped: Skipped | None = None
    _count_again_at: float = 0.0

    async def tick(self) -> Tick:
        """Bring every clock's time left up to date, then work off what is due until nothing is, or `stop` says so.

        What another SLA worker or a command holds is left to it. After a downtime each level is told once, the highest.
        """
        async with self.database.transaction(None, role="atum_worker") as session:
            await self._time_left.refresh(session, now=await transaction_time(session))
        total = Tick()
        while not self.stop():
            done, listed = await self._work_off_list()
            total += done
            if listed < _LISTED or done.processed + done.failed == 0:
                break
        return total

    async def skipped(self) -> Skipped:
        """Return how much ticks have nothing to do for, as it was when last counted.

        Counted anew at once where that is quick, and every eight minutes or so where it takes a second.
        """
        if self._skipped is None or time.monotonic() >= self._count_again_at:
            began = time.monotonic()
            async with self.database.transaction(None, role="atum_worker") as session:
                self._skipped = await count_skipped(session)
            ended = time.monotonic()
            self._count_again_at = ended + (ended - began) * _COUNTED_OF_TIME
        return self._skipped

    async def _work_off_list(self) -> tuple[Tick, int]:
        async with self.database.transaction(None, role="atum_worker") as session:
            due = await due_tickets(session, now=await transaction_time(session), limit=_LISTED)
        total = Tick()
        for organization_id, tickets in due.items():
            for chunk in _chunks(tickets):
                if self.stop():
                    return total, 0
                total += await self._chunk(organization_id, chunk)
        return total, sum(map(len, due.values()))

    async def _chunk(self, organization_id: UUID, tickets: list[UUID]) -> Tick:
        try:
            done = await self._work_off(organization_id, tickets)
        except Exception as error:
            if _is_lost(error):
                raise
            log.warning("sla_chunk_failed", tickets=len(tickets), error=f"{type(error).__name__}: {error}")
            return await self._one_by_one(organization_id, tickets)
        for ticket_id, reason in done.failures.items():
            tell_failure(organization_id=organization_id, ticket_id=ticket_id, reason=reason)
        return done.tick

    async def _work_off(self, organization_id: UUID, tickets: list[UUID]) -> WorkedOff:
        async with self.database.transaction(organization_id) as session:
            now = await transaction_time(session)
            return await work_off(session, organization_id=organization_id, tickets=tickets, now=now)

    async def _one_by_one(self, organization_id: UUID, tickets: list[UUID]) -> Tick:
        """Find the tickets that keep a chunk from being stored, and put them off."""
        total = Tick()
        for ticket_id in tickets:
            try:
                done = await self._work_off(organization_id, [ticket_id])
            except Exception as error:  # whatever it is, the other tickets are not to wait for it
                if _is_lost(error):
                    raise
                await self._postpone(organization_id, ticket_id)
                done = WorkedOff(Tick(failed=1), {ticket_id: f"{type(error).__name__}: {error}"})
            for failed, reason in done.failures.items():
                tell_failure(organization_id=organization_id, ticket_id=failed, reason=reason)
            total += done.tick
        return total

    async def _postpone(self, organization_id: UUID, ticket_id: UUID) -> None:
        async with self.database.transaction(organization_id) as session:
            now = await transaction_time(session)
            await postpone(session, organization_id=organization_id, tickets=[ticket_id], now=now)


def _chunks(tickets: list[UUID]) -> Iterator[list[UUID]]:
    for first in range(0, len(tickets), CHUNK):
        yield tickets[first : first + CHUNK]


def _is_lost(error: Exception) -> bool:
    """Tell whether the database is away, which is no ticket's fault."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, InterfaceError)
    return isinstance(error, OSError)
