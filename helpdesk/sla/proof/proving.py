"""Prove that the stored clocks of an organisation are what their logs say, and set right those that are not."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import ColumnElement

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database, transaction_time
from helpdesk.models.sla import Clock, Proof, SlaEvent
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import ClockState, TicketStatus
from helpdesk.sla.clocks.announcing import announce
from helpdesk.sla.clocks.calendar_counts import prove_counts
from helpdesk.sla.clocks.storing import write_many
from helpdesk.sla.proof.examining import Examined, examine

CHUNK = 100
SAMPLE = 20

# The first proof looks back this far at tickets that are over; each later one to where the one before began.
_FIRST_LOOKS_BACK = timedelta(days=30)

_LOCK = text("""
    SELECT id FROM tickets WHERE organization_id = :organization_id AND id = ANY (CAST(:ids AS uuid[]))
     ORDER BY id FOR NO KEY UPDATE
""")

log = structlog.get_logger()

Complete = Callable[[AsyncSession, dict[str, Any]], Awaitable[None]]
Tell = Callable[[float, str], Awaitable[None]]


async def _nothing_to_complete(_session: AsyncSession, _result: dict[str, Any]) -> None:
    return


async def _nobody_to_tell(_percent: float, _message: str) -> None:
    return


@dataclass(frozen=True)
class Proving:
    """One proof; a run with the id of one that has not ended goes on behind the last ticket it looked at.

    Attributes:
        id: of the proof, that of the job where it is one.
        heals: whether differing clocks are set right, under their tickets' locks.
        tell: is told how far it is, in percent and in words.
        complete: is called in the transaction that ends the proof, with its figures.
    """

    database: Database
    organization_id: UUID
    id: UUID
    heals: bool = True
    tell: Tell = _nobody_to_tell
    complete: Complete = _nothing_to_complete

    async def run(self) -> Proof:
        """Prove chunk by chunk, each chunk's result stored with what it healed; log one line at the end."""
        began = time.monotonic()
        proof, total = await self._begin()
        while await self._chunk(proof):
            await self.tell(99 * proof.tickets / max(total, proof.tickets, 1), f"{proof.tickets} tickets")
        await self._end(proof)
        log.info(
            "sla_clocks_proven",
            organization_id=str(self.organization_id),
            proof_id=str(proof.id),
            **figures(proof),
            duration_ms=round(1000 * (time.monotonic() - began), 1),
        )
        return proof

    async def _begin(self) -> tuple[Proof, int]:
        async with self.database.transaction(self.organization_id) as session:
            now = await transaction_time(session)
            proof = await session.get(Proof, self.id)
            if proof is None:
                before = await session.scalar(_latest_start(self.organization_id))
                proof = Proof(
                    id=self.id,
                    organization_id=self.organization_id,
                    heals=self.heals,
                    started_at=now,
                    since=before or now - _FIRST_LOOKS_BACK,
                )
                session.add(proof)
                await session.flush()
                await session.refresh(proof)
            query = select(func.count()).select_from(Ticket).where(*self._scope(proof))
            return proof, await session.scalar(query) or 0

    async def _chunk(self, proof: Proof) -> bool:
        """Prove the next tickets; return whether there were any."""
        async with self.database.snapshot(self.organization_id) as session:
            now = await transaction_time(session)
            page = (await session.execute(self._page(proof))).all()
            tickets = [row.id for row in page]
            found = await examine(session, organization_id=self.organization_id, ticket_ids=tickets, now=now)
        if page:
            async with self.database.transaction(self.organization_id) as session:
                healed = await self._heal(session, found) if proof.heals and found.differing else 0
                await self._store(session, proof, page, found, healed)
            for ticket_id, reason in found.failed.items():
                log.error("sla_ticket_failed", ticket_id=str(ticket_id), error=reason)
        return bool(page)

    async def _heal(self, session: AsyncSession, found: Examined) -> int:
        """Set right what still differs under the tickets' locks, record it, and tell levels that nobody was told."""
        values = {"organization_id": self.organization_id, "ids": list(found.differing)}
        locked = list(await session.scalars(_LOCK, values))
        now = await transaction_time(session)
        again = await examine(session, organization_id=self.organization_id, ticket_ids=locked, now=now)
        replayed = {ticket_id: again.replayed[ticket_id] for ticket_id in again.differing}
        clocks = await write_many(session, organization_id=self.organization_id, replayed=replayed, even_if_equal=True)
        rows = [row for of_ticket in clocks.values() for row in of_ticket]
        session.add_all(_healings(again, rows, now))
        await announce(session, rows, now=now)
        return again.differing_clocks

    async def _store(
        self, session: AsyncSession, proof: Proof, page: Sequence[Row[Any]], found: Examined, healed: int
    ) -> None:
        proof.tickets += len(page)
        proof.clocks += found.clocks
        proof.differing += found.differing_clocks
        proof.healed += healed
        proof.failed += len(found.failed)
        proof.sample = [*proof.sample, *found.sample()][:SAMPLE]
        proof.after_created_at, proof.after_ticket_id = page[-1].created_at, page[-1].id
        await self._save(session, proof)

    async def _end(self, proof: Proof) -> None:
        async with self.database.transaction(self.organization_id) as session:
            now = await transaction_time(session)
            wrong = await prove_counts(session, organization_id=self.organization_id, now=now, heals=proof.heals)
            proof.differing += len(wrong)
            proof.healed += len(wrong) if proof.heals else 0
            proof.sample = [*proof.sample, *wrong][:SAMPLE]
            proof.finished_at = now
            await self._save(session, proof)
            await self.complete(session, {"proof_id": str(proof.id), **figures(proof)})

    async def _save(self, session: AsyncSession, proof: Proof) -> None:
        names = ("tickets", "clocks", "differing", "healed", "failed", "sample", "after_created_at")
        values = {name: getattr(proof, name) for name in (*names, "after_ticket_id", "finished_at")}
        await session.execute(
            update(Proof).where(Proof.organization_id == self.organization_id, Proof.id == proof.id).values(**values)
        )

    def _scope(self, proof: Proof) -> list[ColumnElement[bool]]:
        """Return what the tickets of the proof have: they are open, were touched lately, or a clock of theirs runs."""
        running = select(Clock.id).where(
            Clock.ticket_id == Ticket.id, Clock.state.in_((ClockState.RUNNING, ClockState.PAUSED))
        )
        over = (TicketStatus.SOLVED, TicketStatus.CLOSED)
        return [
            Ticket.organization_id == self.organization_id,
            or_(Ticket.status.not_in(over), Ticket.updated_at >= proof.since, running.exists()),
        ]

    def _page(self, proof: Proof) -> Any:
        order = (Ticket.created_at, Ticket.id)
        query = select(Ticket.id, Ticket.created_at).where(*self._scope(proof)).order_by(*order).limit(CHUNK)
        if proof.after_created_at is None:
            return query
        return query.where(func.row(*order) > func.row(proof.after_created_at, proof.after_ticket_id))


def figures(proof: Proof) -> dict[str, int]:
    """Return the counts of a proof by name."""
    return {name: getattr(proof, name) for name in ("tickets", "clocks", "differing", "healed", "failed")}


def _latest_start(organization_id: UUID) -> Any:
    return select(func.max(Proof.started_at)).where(
        Proof.organization_id == organization_id, Proof.finished_at.is_not(None)
    )


def _healings(found: Examined, rows: Sequence[Clock], now: datetime) -> list[SlaEvent]:
    by_key = {(row.ticket_id, row.metric, row.instance): row for row in rows}
    healings = []
    for told in found.sample():
        row = by_key.get((UUID(told["ticket_id"]), told["metric"], told["instance"]))
        if row is not None:
            detail = {"metric": row.metric, "columns": told["columns"]}
            healings.append(_healing(row, now, detail))
    return healings


def _healing(row: Clock, now: datetime, detail: dict[str, Any]) -> SlaEvent:
    return SlaEvent(
        id=new_id(),
        organization_id=row.organization_id,
        clock_id=row.id,
        ticket_id=row.ticket_id,
        kind="healed",
        target_version=row.target_version,
        at=now,
        detected_at=now,
        detail=detail,
    )
