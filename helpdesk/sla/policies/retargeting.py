"""Put open tickets under the promises that are in force, after these have changed.

A change asks for the walk in its own transaction. Until a walk begins, one waiting job stands for any number of
changes; when it begins it gives up its key, so that a later change gets a walk of its own. What is in between is ruled
out by a lock: whoever asks holds it, shared, until the change is committed, and the walk begins with it for itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.errors import Invalid
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketStatus
from helpdesk.queue.catalog import RetargetClocks
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.keys import release_key
from helpdesk.sla.clocks.choosing import policies_in_order
from helpdesk.sla.clocks.commands import retarget
from helpdesk.sla.policies.moving import Moved, move_tickets
from helpdesk.sla.policies.subjects import Subject, count_open, open_subjects
from helpdesk.sla.rules.candidates import choose

CHUNK = 200

# Whoever changed a ticket under the promises of before has committed within this, or is not waited for.
_LONGEST_WAIT = timedelta(seconds=60)
_WAIT_S = 1.0
_MOST_FAILED = 50
# Tickets of one transaction: it holds their locks for some hundredths of a second.
_GROUP = 20

_KEY = "hashtextextended('atum retarget ' || CAST(:organization_id AS text), 0)"
_ASKING = text(f"SELECT pg_advisory_xact_lock_shared({_KEY})")
_BEGINNING = text(f"SELECT pg_advisory_xact_lock({_KEY})")
# Transactions from this number on begin after the change, and see it.
_HORIZON = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
_OLDEST_OPEN = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")

Complete = Callable[[AsyncSession, dict[str, Any]], Awaitable[None]]

log = structlog.get_logger()


class Keep(Protocol):
    """Stores a checkpoint with the progress of the job; returns False when it could not."""

    async def __call__(self, checkpoint: Mapping[str, Any], *, percent: float, message: str = "") -> bool:
        """Store it."""
        ...


async def ask_to_retarget(
    session: AsyncSession,
    *,
    organization_id: UUID,
    calendar_id: UUID | None = None,
    policy_id: UUID | None = None,
    at: datetime | None = None,
) -> UUID:
    """Have the open tickets put under the promises in force, once the open transaction commits; return the job's id.

    Args:
        at: not before this time, when a promise begins or ends to be valid.
    """
    await session.execute(_ASKING, {"organization_id": str(organization_id)})
    return await enqueue(
        session,
        RetargetClocks(calendar_id=calendar_id, policy_id=policy_id, as_of=at),
        organization_id=organization_id,
        run_after=at,
        unique_key="now" if at is None else f"at {at.isoformat()}",
    )


class _Checkpoint(BaseModel):
    """Where a walk stands: the last ticket that is done, and what was found so far."""

    model_config = ConfigDict(frozen=True)

    begun_at: datetime
    horizon: int
    total: int
    after: UUID | None = None
    looked_at: int = 0
    moved: int = 0
    # Numbers of tickets whose clocks could not be computed, the first ones.
    failed: tuple[int, ...] = ()


@dataclass
class Retargeting:
    """One run of the walk over an organisation's open tickets.

    Attributes:
        now: the present time (UTC).
        keep: stores checkpoints.
        complete: completes the job in a transaction, with a result.
    """

    database: Database
    job: JobInHand
    args: RetargetClocks
    now: Callable[[], datetime]
    keep: Keep
    complete: Complete
    chunk: int = CHUNK

    async def run(self, earlier: Mapping[str, Any] | None) -> float | None:
        """Walk the rest of the open tickets and complete the job, or return after how many seconds to come back.

        Raises:
            LeaseLost: when the job is no longer this worker's.
        """
        place = _read(earlier) or await self._begin()
        if place.after is None and await self._must_wait(place):
            await self.keep(place.model_dump(mode="json"), percent=0)
            return _WAIT_S
        while (place_after := await self._walk(place)) is not None:
            place = place_after
            percent = 100 * place.looked_at / max(place.total, place.looked_at, 1)
            message = f"{place.looked_at} tickets looked at, {place.moved} moved"
            await self.keep(place.model_dump(mode="json"), percent=percent, message=message)
        async with self._transaction() as session:
            await self.complete(session, place.model_dump(mode="json", include={"looked_at", "moved", "failed"}))
        return None

    def _transaction(self) -> Any:
        return self.database.transaction(self.job.organization_id)

    def _as_of(self) -> datetime:
        # The queue goes by the database's clock, which may be ahead of this host's.
        return max(self.now(), self.args.as_of or self.now())

    async def _begin(self) -> _Checkpoint:
        """Let later changes ask for a walk of their own."""
        async with self._transaction() as session:
            await session.execute(_BEGINNING, {"organization_id": str(self.job.organization_id)})
            await release_key(session, self.job)
        async with self._transaction() as session:
            horizon = (await session.execute(_HORIZON)).scalar_one()
            total = await count_open(session, organization_id=self.job.organization_id)
        return _Checkpoint(begun_at=self.now(), horizon=horizon, total=total)

    async def _must_wait(self, place: _Checkpoint) -> bool:
        """Tell whether somebody may still open or change a ticket under the promises of before."""
        async with self._transaction() as session:
            oldest_open = (await session.execute(_OLDEST_OPEN)).scalar_one()
        return bool(oldest_open < place.horizon) and self.now() - place.begun_at < _LONGEST_WAIT

    async def _walk(self, place: _Checkpoint) -> _Checkpoint | None:
        """Put the next tickets under their promises; None when there are none left."""
        organization_id = self.job.organization_id
        async with self._transaction() as session:
            candidates = await policies_in_order(session, organization_id=organization_id, now=self._as_of())
            subjects = await open_subjects(
                session, organization_id=organization_id, after=place.after, limit=self.chunk
            )
        if not subjects:
            return None
        astray = [subject for subject in subjects if choose(candidates, subject.facts) != subject.policy]
        moved, failed = 0, list(place.failed)
        for first in range(0, len(astray), _GROUP):
            more, not_moved = await self._move(astray[first : first + _GROUP])
            moved += more
            failed += not_moved
        return place.model_copy(
            update={
                "after": subjects[-1].id,
                "looked_at": place.looked_at + len(subjects),
                "moved": place.moved + moved,
                "failed": tuple(failed[:_MOST_FAILED]),
            }
        )

    async def _move(self, group: Sequence[Subject]) -> tuple[int, list[int]]:
        """Move tickets; return how many have moved, and the numbers of those that cannot be computed."""
        ids = [subject.id for subject in group]
        try:
            async with self._transaction() as session:
                moved = await move_tickets(
                    session, organization_id=self.job.organization_id, ticket_ids=ids, now=self._as_of()
                )
        except Invalid:
            moved = Moved(0, ids)
        count, failed = moved.count, []
        for subject in group:
            if subject.id not in moved.passed_over:
                continue
            try:
                count += await self._reconsider(subject.id)
            except Invalid as error:
                # A due time beyond the horizon, for one: it must not keep the others from being moved.
                log.warning("ticket_not_retargeted", ticket=subject.number, error=error.detail)
                failed.append(subject.number)
        return count, failed

    async def _reconsider(self, ticket_id: UUID) -> bool:
        """Put one ticket under the promise it calls for now, unless it has been solved meanwhile."""
        organization_id = self.job.organization_id
        async with self._transaction() as session:
            ticket = await session.scalar(
                select(Ticket)
                .where(
                    Ticket.id == ticket_id,
                    Ticket.organization_id == organization_id,
                    Ticket.status.not_in([TicketStatus.SOLVED, TicketStatus.CLOSED]),
                )
                .with_for_update()
            )
            if ticket is None:
                return False
            await retarget(session, organization_id=organization_id, ticket=ticket, now=self._as_of())
        return True


def _read(checkpoint: Mapping[str, Any] | None) -> _Checkpoint | None:
    try:
        return None if checkpoint is None else _Checkpoint.model_validate(dict(checkpoint))
    except ValidationError:
        return None
