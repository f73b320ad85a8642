"""Lists of clocks, by due time or by risk, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.accounts import Team
from helpdesk.models.sla import Clock
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import ClockState
from helpdesk.sla.clocks.queries import WAITING, ClockView, clocks_by_id
from helpdesk.sla.rules.risk import BOUNDS, Risk

# Clocks with a prediction that still means something; an index holds just these.
PREDICTED = and_(Clock.state == ClockState.RUNNING, ~Clock.breached, Clock.breach_probability.is_not(None))


@dataclass(frozen=True)
class ClockFilter:
    """Which clocks a list holds; None and nothing leave a field open.

    Attributes:
        states, metrics, risks: any of these.
        due_before: only clocks due before this time.
        least_probability: only predicted clocks from this probability of breach on.
        team: slug of the ticket's team.
        assignee_id: who has the ticket.
    """

    states: Sequence[str] = WAITING
    metrics: Sequence[str] = ()
    risks: Sequence[Risk] = ()
    due_before: datetime | None = None
    least_probability: float | None = None
    team: str | None = None
    assignee_id: UUID | None = None


def at_risk(risks: Sequence[Risk]) -> ColumnElement[bool]:
    """Return the condition of a clock being in one of these bands."""
    bands = [BOUNDS[risk] for risk in risks if risk in BOUNDS]
    found = [and_(PREDICTED, Clock.breach_probability >= low, Clock.breach_probability < high) for low, high in bands]
    if Risk.BREACHED in risks:
        found.append(and_(Clock.breached, Clock.state.in_(WAITING)))
    return or_(*found)


async def list_clocks(
    session: AsyncSession,
    *,
    organization_id: UUID,
    wanted: ClockFilter,
    after: tuple[datetime | None, UUID] | None = None,
    limit: int = 50,
) -> list[ClockView]:
    """Return clocks by due time, the most pressing first and those without one last.

    Args:
        after: (due time, id) of the last clock seen.
    """
    parts = [
        select(Clock.id, Clock.due_at)
        .where(*_conditions(organization_id, wanted), Clock.state == state, place)
        .order_by(Clock.due_at, Clock.id)
        .limit(limit)
        .subquery()
        .select()
        # One part for each state, so that each is read in the order of its index.
        for state in dict.fromkeys(wanted.states)
        for place in _places(after)
    ]
    merged = union_all(*parts).subquery()
    rows = await session.execute(
        select(merged.c.id).order_by(merged.c.due_at.asc().nulls_last(), merged.c.id).limit(limit)
    )
    return await clocks_by_id(session, organization_id=organization_id, ids=rows.scalars().all())


async def list_predicted(
    session: AsyncSession,
    *,
    organization_id: UUID,
    wanted: ClockFilter,
    after: tuple[float, UUID] | None = None,
    limit: int = 50,
) -> list[tuple[float, ClockView]]:
    """Return (probability, clock) of the predicted clocks, the likeliest to breach first.

    Args:
        after: (probability, id) of the last clock seen.
    """
    statement = select(Clock.id, Clock.breach_probability).where(PREDICTED, *_conditions(organization_id, wanted))
    if after is not None:
        statement = statement.where(tuple_(Clock.breach_probability, Clock.id) < tuple_(*after))
    rows = await session.execute(statement.order_by(Clock.breach_probability.desc(), Clock.id.desc()).limit(limit))
    places = {clock_id: probability or 0.0 for clock_id, probability in rows}
    clocks = await clocks_by_id(session, organization_id=organization_id, ids=list(places))
    # By the probability it was found by: a clock that is changed meanwhile keeps its place in the list.
    return [(places[clock.id], clock) for clock in clocks]


def _places(after: tuple[datetime | None, UUID] | None) -> list[ColumnElement[bool]]:
    """Return the conditions of what is still to come: clocks with a due time, then those without."""
    if after is None:
        return [Clock.due_at.is_not(None), Clock.due_at.is_(None)]
    due_at, clock_id = after
    if due_at is None:
        return [and_(Clock.due_at.is_(None), Clock.id > clock_id)]
    return [tuple_(Clock.due_at, Clock.id) > tuple_(due_at, clock_id), Clock.due_at.is_(None)]


def _conditions(organization_id: UUID, wanted: ClockFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [Clock.organization_id == organization_id]
    if wanted.metrics:
        found.append(Clock.metric.in_(wanted.metrics))
    if wanted.risks:
        found.append(at_risk(wanted.risks))
    if wanted.due_before is not None:
        found.append(Clock.due_at < wanted.due_before)
    if wanted.least_probability is not None:
        found.append(and_(PREDICTED, Clock.breach_probability >= wanted.least_probability))
    tickets: list[ColumnElement[bool]] = []
    if wanted.team is not None:
        team = select(Team.id).where(Team.organization_id == organization_id, Team.slug == wanted.team)
        tickets.append(Ticket.team_id.in_(team))
    if wanted.assignee_id is not None:
        tickets.append(Ticket.assignee_id == wanted.assignee_id)
    if tickets:
        found.append(select(Ticket.id).where(Ticket.id == Clock.ticket_id, *tickets).exists())
    return found
