"""Clocks, and what they would do."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.dependencies import FROM_REPLICA, CurrentUser, ReadSession, Visitor
from api.paging import PageOf, Paging, read_moment
from api.schemas.sla import ClockView, PredictedClockView, Simulation, SimulationResult
from helpdesk.models.values import ClockState
from helpdesk.sla.clocks.list_queries import ClockFilter, list_clocks, list_predicted
from helpdesk.sla.clocks.queries import WAITING
from helpdesk.sla.clocks.queries import ClockView as Clock
from helpdesk.sla.prediction.queries import tickets_of
from helpdesk.sla.rules.exchange import simulate
from helpdesk.sla.rules.policy import Metric
from helpdesk.sla.rules.risk import Risk

router = APIRouter(prefix="/sla", tags=["sla"])


@router.post("/simulate", summary="Compute clocks from a document")
async def simulate_clocks(body: Simulation, _user: Visitor) -> SimulationResult:
    """Show what clocks do under given calendars, policies and events; nothing is stored.

    A case that cannot be computed has an `error` in place of its `checks`, and the others are computed all the same.
    """
    document = body.model_dump(exclude={"as_of"})
    # Years of calendar days take a while to walk; other requests go on meanwhile.
    return SimulationResult.model_validate(await asyncio.to_thread(simulate, document, as_of=body.as_of))


@router.get("/clocks", summary="List clocks by due time", dependencies=[FROM_REPLICA])
async def clocks(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    state: Annotated[list[ClockState] | None, Query(description="Default: running and paused.")] = None,
    metric: Annotated[list[Metric] | None, Query(description="Any of these.")] = None,
    risk: Annotated[list[Risk] | None, Query(description="Any of these bands; none of an ended clock.")] = None,
    team: Annotated[str | None, Query(max_length=80, description="Slug.")] = None,
    assignee: Annotated[UUID | None, Query(description="A user's id.")] = None,
    due_before: Annotated[AwareDatetime | None, Query(description="Only clocks due before this time.")] = None,
) -> PageOf[ClockView]:
    """Read the organisation's clocks, the most pressing first; those that stand still come last."""
    found = await list_clocks(
        session,
        organization_id=user.organization_id,
        wanted=ClockFilter(
            states=state or WAITING,
            metrics=metric or (),
            risks=risk or (),
            due_before=due_before,
            team=team,
            assignee_id=assignee,
        ),
        after=page.after_key(_due_at, UUID),
        limit=page.look_ahead,
    )
    return page.of(found, ClockView.model_validate, lambda clock: (clock.due_at or "", clock.id))


@router.get("/predictions", summary="List clocks by risk", dependencies=[FROM_REPLICA])
async def predictions(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    risk: Annotated[list[Literal["low", "medium", "high"]] | None, Query(description="Any of these bands.")] = None,
    min_probability: Annotated[float | None, Query(ge=0, le=1)] = None,
    metric: Annotated[list[Metric] | None, Query(description="Any of these.")] = None,
    team: Annotated[str | None, Query(max_length=80, description="Slug.")] = None,
    assignee: Annotated[UUID | None, Query(description="A user's id.")] = None,
) -> PageOf[PredictedClockView]:
    """Read the running clocks that can still be met, the likeliest to breach first, each with its ticket."""
    found = await list_predicted(
        session,
        organization_id=user.organization_id,
        wanted=ClockFilter(
            risks=[Risk(one) for one in risk or ()],
            least_probability=min_probability,
            metrics=metric or (),
            team=team,
            assignee_id=assignee,
        ),
        after=page.after_key(float, UUID),
        limit=page.look_ahead,
    )
    ids = [clock.ticket_id for _, clock in found]
    tickets = await tickets_of(session, organization_id=user.organization_id, ids=ids)

    def view(row: tuple[float, Clock]) -> PredictedClockView:
        shown = ClockView.model_validate(row[1]).model_dump()
        return PredictedClockView.model_validate(shown | {"ticket": tickets[row[1].ticket_id]})

    return page.of(found, view, lambda row: (repr(row[0]), row[1].id))


def _due_at(part: str) -> datetime | None:
    return read_moment(part) if part else None
