"""Tell the level a clock has reached, once for each target it runs under."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.sla import Clock, SlaEvent
from helpdesk.models.values import ClockState
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.queue.enqueue import enqueue

BREACH_LEVEL = 100

_NUMBER = text("SELECT number FROM tickets WHERE organization_id = :organization_id AND id = :ticket_id")


async def announce(session: AsyncSession, clocks: Sequence[Clock], *, now: datetime) -> list[int]:
    """Record and tell the level of each running clock, unless that was done before; return the levels told.

    What a clock reached since it was last looked at is told once, at the highest level, however late it is found.
    """
    told = []
    for clock in clocks:
        if clock.level == 0 or clock.state != ClockState.RUNNING:
            continue
        first_time = await session.scalar(
            insert(SlaEvent)
            .values(
                id=new_id(),
                organization_id=clock.organization_id,
                clock_id=clock.id,
                ticket_id=clock.ticket_id,
                kind="threshold",
                level=clock.level,
                target_version=clock.target_version,
                at=_reached_at(clock) or now,
                detected_at=now,
                detail={"metric": clock.metric},
            )
            .on_conflict_do_nothing()
            .returning(SlaEvent.id)
        )
        if first_time is None:
            continue
        if clock.level >= BREACH_LEVEL:
            clock.detected_at = now
        await _notify(session, clock)
        told.append(clock.level)
    await session.flush()
    return told


def _reached_at(clock: Clock) -> datetime | None:
    named = {75: clock.warn_75_at, 90: clock.warn_90_at, BREACH_LEVEL: clock.breached_at or clock.due_at}
    if clock.level in named:
        return named[clock.level]
    at = clock.warnings.get(str(clock.level))
    return datetime.fromisoformat(at) if at else None


async def _notify(session: AsyncSession, clock: Clock) -> None:
    ticket = (
        await session.execute(_NUMBER, {"organization_id": clock.organization_id, "ticket_id": clock.ticket_id})
    ).one()
    metric = clock.metric.replace("_", " ")
    breach = clock.level >= BREACH_LEVEL
    due_at = clock.due_at.isoformat() if clock.due_at else None
    await enqueue(
        session,
        DeliverNotification(
            kind="sla.breach" if breach else "sla.warning",
            ticket_id=clock.ticket_id,
            dedupe_key=f"{clock.id}:{clock.target_version}:{clock.level}",
            title=f"#{ticket.number}: {metric} " + ("is overdue" if breach else f"at {clock.level} % of its time"),
            data={"metric": clock.metric, "level": clock.level, "due_at": due_at},
        ),
        organization_id=clock.organization_id,
    )
