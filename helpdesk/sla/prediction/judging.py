"""Judge the running clocks of tickets at a moment, by the organisation's model; nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.sla.prediction.champion import fitted_model
from helpdesk.sla.prediction.endings import Endings
from helpdesk.sla.prediction.hazard import Estimate
from helpdesk.sla.prediction.model import FittedModel, HazardModel, Model, score
from helpdesk.sla.prediction.moments import Seen, read_logs, see
from helpdesk.sla.prediction.surroundings import Surroundings, read_surroundings
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
        desk_as_of: until when the desk and its past are looked at.
    """

    model: Model
    cases: int
    desk_as_of: datetime
    clocks: Sequence[Judgement]


async def judge_tickets(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Sequence[UUID], now: datetime
) -> Judged:
    """Judge the clocks of tickets that run at a moment; nothing that happened later is looked at."""
    around = await read_surroundings(session, organization_id=organization_id, now=now)
    model = await model_in(session, around, organization_id=organization_id)
    return await judge_among(session, around, model, organization_id=organization_id, ticket_ids=ticket_ids, now=now)


async def model_in(session: AsyncSession, around: Surroundings, *, organization_id: UUID) -> Model:
    """Return the organisation's model in use, which is the table of hazards of its past where it has no other."""
    found = await fitted_model(session, organization_id=organization_id)
    return found if isinstance(found, FittedModel) else HazardModel(around.table, found)


async def judge_among(
    session: AsyncSession,
    around: Surroundings,
    model: Model,
    *,
    organization_id: UUID,
    ticket_ids: Sequence[UUID],
    now: datetime,
) -> Judged:
    """Judge the clocks of tickets that run at a moment by what was read before; only the tickets' logs are read.

    Args:
        around: of that moment or shortly before it.
    """
    logs = await read_logs(session, organization_id=organization_id, asked=[(ticket, now) for ticket in ticket_ids])
    found = see(logs, around.desk, around.zone, usual=True)
    usual = {place: seen.usual_backlog for place, seen in enumerate(found)}
    estimates = score(model, [seen.features for seen in found], usual_backlogs=usual)
    clocks = [
        Judgement(seen, estimate, *_ends(seen, around.endings)) for seen, estimate in zip(found, estimates, strict=True)
    ]
    return Judged(model, around.cases, around.as_of, clocks)


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
