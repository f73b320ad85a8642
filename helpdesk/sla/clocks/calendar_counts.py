"""Prove how long calendars are said to have been open: the ticks only count on from what is stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.sla import CalendarNow, Clock
from helpdesk.models.values import ClockState
from helpdesk.sla.clocks.ledger import calendar_of
from helpdesk.sla.clocks.time_left import open_until
from helpdesk.sla.rules.calendar import InvalidCalendar

_SECOND = timedelta(seconds=1)


async def prove_counts(
    session: AsyncSession, *, organization_id: UUID, now: datetime, heals: bool
) -> list[dict[str, Any]]:
    """Count the open seconds of each calendar in use from its epoch, and return the counts that are wrong or missing.

    Counts of calendars that no running clock uses any more are dropped.
    """
    used = set(await session.scalars(_used(organization_id)))
    kept = select(CalendarNow).where(CalendarNow.organization_id == organization_id).with_for_update()
    rows = {row.calendar_version_id: row for row in await session.scalars(kept)}
    if unused := rows.keys() - used:
        await session.execute(delete(CalendarNow).where(CalendarNow.calendar_version_id.in_(unused)))
    wrong = []
    for version in sorted(used):
        row = rows.get(version)
        as_of = row.as_of if row is not None else now.replace(microsecond=0)
        try:
            calendar, epoch_at = await calendar_of(session, version)
        except InvalidCalendar:
            continue
        counted = open_until(calendar, epoch_at, as_of) // _SECOND
        if row is None or row.open_s != counted:
            wrong.append({"calendar_version_id": str(version), "columns": {"open_s": [row and row.open_s, counted]}})
            if heals:
                await _count(session, organization_id, version, counted, as_of)
    return wrong


async def _count(session: AsyncSession, organization_id: UUID, version: UUID, counted: int, as_of: datetime) -> None:
    new = {"organization_id": organization_id, "open_s": counted, "as_of": as_of}
    made = insert(CalendarNow).values(calendar_version_id=version, **new).on_conflict_do_nothing()
    await session.execute(made)
    await session.execute(update(CalendarNow).where(CalendarNow.calendar_version_id == version).values(**new))


def _used(organization_id: UUID) -> Any:
    return (
        select(Clock.calendar_version_id)
        .where(
            Clock.organization_id == organization_id,
            Clock.state == ClockState.RUNNING,
            Clock.calendar_version_id.is_not(None),
        )
        .distinct()
    )
