"""Clocks and simulations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.schemas.bodies import View
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.sla.rules.risk import Risk

_EXAMPLE: dict[str, JsonValue] = {
    "id": "tuesday",
    "calendars": {"office": {"timezone": "Europe/Vienna", "weekly": {"tue": [["09:00", "17:00"]]}, "exceptions": {}}},
    "policies": {"standard": {"calendar": "office", "targets": {"normal": {"first_response": 60}}}},
    "events": [
        {
            "at": "2026-03-03T09:00:00Z",
            "type": "created",
            "by": "customer",
            "priority": "normal",
            "policy": "standard",
        }
    ],
    "checks": [{"as_of": "2026-03-03T09:30:00Z"}],
}


class Simulation(BaseModel):
    """Cases of calendars, policies and events, or one bare case."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": _EXAMPLE})

    as_of: datetime | None = Field(default=None, description="Look at this instant instead of those of the checks.")


class SimulationResult(View):
    """What every clock does at every instant asked for."""

    cases: list[dict[str, Any]]


_ENDS = (
    "Four of five clocks like it that got as far ended from this time on and until `ends_until`; null where too few "
    "tell."
)


class RunningPrediction(View):
    """How likely a running clock is to breach."""

    probability: float
    risk: Risk = Field(description="`low` below one third, `high` from two thirds on, `medium` in between.")
    reasons: list[dict[str, Any]] = Field(description="What speaks for it, the strongest first.")
    as_of: datetime
    stale: bool = Field(description="The clock has changed since; a new prediction is on its way.")
    model: str = Field(description="What predicted it, with its version: `breach-3 (lightgbm)`, or `hazard-table-1`.")
    ends_from: datetime | None = Field(description=_ENDS)
    ends_until: datetime | None = Field(description="See `ends_from`.")


class ClockView(View):
    """A clock as it is now."""

    id: UUID
    ticket_id: UUID
    metric: str
    instance: int
    state: str
    outcome: str | None
    breached: bool
    level: int = Field(description="Highest notification level reached, in percent of the target.")
    start_at: datetime
    target_s: int
    due_at: datetime | None
    warn_75_at: datetime | None
    warn_90_at: datetime | None
    stopped_at: datetime | None
    elapsed_s: int
    remaining_s: int | None
    time_to_breach_minutes: int | None = Field(
        description="Business minutes left, negative when overdue, null when ended."
    )
    policy: str | None
    risk: Risk | None = Field(description="`breached`, or the band of the prediction; null without one.")
    prediction: RunningPrediction | None = Field(description="Only while the clock runs and can still be met.")


class ClockTicketView(View):
    """The ticket of a clock in a list."""

    id: UUID
    number: int
    subject: str
    status: TicketStatus
    priority: TicketPriority
    team: str | None = Field(description="Slug.")
    assignee_id: UUID | None
    assignee: str | None


class PredictedClockView(ClockView):
    """A clock that is predicted, and its ticket."""

    ticket: ClockTicketView


class PastPredictionView(View):
    """What was predicted at one time."""

    as_of: datetime
    probability: float
    risk: Risk
    reasons: list[dict[str, Any]]
    model: str
    ends_from: datetime | None = Field(description=_ENDS)
    ends_until: datetime | None


class PredictionHistoryView(View):
    """A clock of a ticket, and what was predicted for it."""

    clock: ClockView
    history: list[PastPredictionView] = Field(description="The newest first, at most 50.")
