"""Where running clocks stand, and how busy the desk is, as predictions take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.sla.clocks.ledger import calendar_of
from helpdesk.sla.clocks.time_left import open_until
from helpdesk.sla.prediction.hazard import Moment, next_step
from helpdesk.sla.rules.calendar import Calendar

# A prediction is made anew at the latest after this time, since the load of the desk changes too.
OLDEST = timedelta(days=1)
_SECOND = timedelta(seconds=1)

# Only what can still be kept; the stored due time counts from the epoch of the clock's calendar, so no log is read.
_RUNNING = text("""
    SELECT c.id, c.ticket_id, c.metric, c.target_s, c.due_at, c.due_open_s, c.calendar_version_id, t.priority, t.team_id
      FROM sla_clocks c JOIN tickets t ON t.id = c.ticket_id
     WHERE c.organization_id = :organization_id AND c.ticket_id = ANY(:ticket_ids) AND c.state = 'running'
       AND NOT c.breached AND c.due_open_s IS NOT NULL AND c.start_at <= :now
     ORDER BY c.ticket_id, c.metric, c.instance
""")
# The load of a team, or of the whole desk for tickets without one. How many tickets were open on the average day is
# summed up by ticket: it was open at each of the last 28 points of time, a day apart, that its life covers.
_LOAD = text("""
    SELECT count(*) FILTER (WHERE solved_at IS NULL OR solved_at > :now) AS backlog,
           count(*) FILTER (WHERE opened_ago < 1) AS inflow,
           count(*) FILTER (WHERE solved_ago >= 0 AND solved_ago < 1) AS outflow,
           coalesce(sum(greatest(0, least(28, floor(opened_ago))
                                    - greatest(0, floor(coalesce(solved_ago, 0))))), 0) / 28.0 AS usual_backlog
      FROM (SELECT solved_at, extract(epoch FROM CAST(:now AS timestamptz) - created_at) / 86400 AS opened_ago,
                   extract(epoch FROM CAST(:now AS timestamptz) - solved_at) / 86400 AS solved_ago
              FROM tickets
             WHERE organization_id = :organization_id AND created_at < :now
               AND (CAST(:team_id AS uuid) IS NULL OR team_id = :team_id)
               AND (solved_at IS NULL OR solved_at > CAST(:now AS timestamptz) - interval '28 days')) AS recent
""")


@dataclass(frozen=True)
class Standing:
    """A running clock as it stands, and when its prediction will be out of date."""

    clock_id: UUID
    ticket_id: UUID
    moment: Moment
    again_at: datetime


async def standings(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Sequence[UUID], now: datetime
) -> list[Standing]:
    """Return where the clocks of tickets stand that run and are not late yet.

    Args:
        now: nothing that happened later is counted, as far as the stored clocks do not know it.
    """
    rows = await session.execute(
        _RUNNING, {"organization_id": organization_id, "ticket_ids": list(ticket_ids), "now": now}
    )
    loads: dict[UUID | None, Mapping[str, Any]] = {}
    found = []
    for row in rows.all():
        if row.team_id not in loads:
            loads[row.team_id] = await _load(session, organization_id=organization_id, team_id=row.team_id, now=now)
        calendar, epoch_at = await calendar_of(session, row.calendar_version_id)
        elapsed_s = max(0, row.target_s - (row.due_open_s - open_until(calendar, epoch_at, now) // _SECOND))
        used = elapsed_s / row.target_s
        if now > row.due_at:
            # Past it even while the calendar is closed, only not told yet.
            used = max(used, 1.0001)
        moment = Moment(metric=row.metric, priority=row.priority, used=used, **loads[row.team_id])
        found.append(Standing(row.id, row.ticket_id, moment, again_at(calendar, now, elapsed_s, row.target_s)))
    return found


def again_at(calendar: Calendar, now: datetime, elapsed_s: int, target_s: int) -> datetime:
    """Return when the clock reaches its next step, or a day later where that comes first."""
    latest = now + OLDEST
    step = next_step(elapsed_s / target_s)
    if step is None:
        return latest
    missing_s = max(1, ceil(target_s * step) - elapsed_s)
    return calendar.advance(now, missing_s) if calendar.open_seconds(now, latest) >= missing_s else latest


async def _load(
    session: AsyncSession, *, organization_id: UUID, team_id: UUID | None, now: datetime
) -> Mapping[str, Any]:
    values = {"organization_id": organization_id, "team_id": team_id, "now": now}
    row = (await session.execute(_LOAD, values)).one()
    return {
        "backlog": row.backlog,
        "inflow": row.inflow,
        "outflow": row.outflow,
        "usual_backlog": float(row.usual_backlog),
    }
