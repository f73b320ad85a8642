"""Clocks and simulations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.schemas.bodies import View

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
