"""Judge the running clocks of tickets at a moment, by the organisation's model; nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.sla.prediction.champion import current_model, ended_clocks
from helpdesk.sla.prediction.desk import read_desk
from helpdesk.sla.prediction.endings import Endings
from helpdesk.sla.prediction.hazard import Estimate
from helpdesk.sla.prediction.model import Model, score
from helpdesk.sla.prediction.moments import Seen, read_logs, see, zone_of
from helpdesk.sla.rules.calendar import CalendarNeverOpen


@dataclass(frozen=True)
class Judgement:
    """A running clock, how likely it is to breach, and between which times four of five clocks like it end."""

    seen: Seen
    estimate: Estimate
    ends_from: datetime | None
    ends_until: datetime | None


@dataclass(frozen=True)
class Judged:
    """What a model says of clocks.

    Attributes:
        cases: how many ended clocks the interval, and without an estimator the probability, rest on.
    """

    model: Model
    cases: int
    clocks: Sequence[Judgement]


async def judge_tickets(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Sequence[UUID], now: datetime
) -> Judged:
    """Judge the clocks of tickets that run at a moment; nothing that happened later is looked at."""
    logs = await read_logs(session, organization_id=organization_id, asked=[(ticket, now) for ticket in ticket_ids])
    desk = await read_desk(session, organization_id=organization_id, first=now, last=now)
    found = see(logs, desk, await zone_of(session, organization_id=organization_id), usual=True)
    ended = await ended_clocks(session, organization_id=organization_id, now=now)
    model = await current_model(session, organization_id=organization_id, ended=ended)
    usual = {place: seen.usual_backlog for place, seen in enumerate(found)}
    estimates = score(model, [seen.features for seen in found], usual_backlogs=usual)
    endings = Endings(ended)
    clocks = [Judgement(seen, estimate, *_ends(seen, endings)) for seen, estimate in zip(found, estimates, strict=True)]
    return Judged(model, len(ended), clocks)


def _ends(seen: Seen, endings: Endings) -> tuple[datetime | None, datetime | None]:
    shares = endings.interval(seen.metric, seen.features.priority, seen.features.used)
    if shares is None:
        return None, None
    spans = [max(0, round(share * seen.target_s) - seen.elapsed_s) for share in shares]
    try:
        earliest, latest = (seen.calendar.advance(seen.at, span) for span in spans)
    except CalendarNeverOpen:
        return None, None
    return earliest, latest
