"""Clocks, and what they would do."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import CurrentUser, ReadSession, Visitor
from api.schemas.sla import ClockView, Simulation, SimulationResult
from helpdesk.models.values import ClockState
from helpdesk.sla.exchange import simulate
from helpdesk.sla.queries import list_clocks

router = APIRouter(prefix="/sla", tags=["sla"])


@router.post("/simulate", summary="Compute clocks from a document")
async def simulate_clocks(body: Simulation, _user: Visitor) -> SimulationResult:
    """Show what clocks do under given calendars, policies and events; nothing is stored.

    A case that cannot be computed has an `error` in place of its `checks`, and the others are computed all the same.
    """
    document = body.model_dump(exclude={"as_of"})
    # Years of calendar days take a while to walk; other requests go on meanwhile.
    return SimulationResult.model_validate(await asyncio.to_thread(simulate, document, as_of=body.as_of))


@router.get("/clocks", summary="List clocks by due time")
async def clocks(
    session: ReadSession,
    user: CurrentUser,
    state: Annotated[list[ClockState] | None, Query(description="Default: running and paused.")] = None,
    due_before: Annotated[datetime | None, Query(description="Only clocks due before this time.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[ClockView]:
    """Read the organisation's clocks, the most pressing first."""
    found = await list_clocks(
        session,
        organization_id=user.organization_id,
        states=state or (ClockState.RUNNING, ClockState.PAUSED),
        due_before=due_before,
        limit=limit,
    )
    return [ClockView.model_validate(clock) for clock in found]
