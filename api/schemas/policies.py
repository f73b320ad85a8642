"""Service-level policies, their versions, and what a change would do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from api.schemas.bodies import Body, Made, Name, View
from helpdesk.models.values import ClockState
from helpdesk.sla.policies.commands import NewPolicy, PolicyChanges
from helpdesk.sla.policies.definition import FIELDS

_CALENDAR = "Name or id of a calendar."
_CONDITIONS = (
    "`all` must hold, and at least one of `any` where there are some. Each is a `field` (priority, category, team, "
    "company, channel, type, tags, vip or `custom.<name>`), an `op` (is, is_not, in, not_in, contains) and a `value`."
)
_TARGETS = (
    "Minutes by priority and metric (first_response, next_response, resolution, time_to_own, periodic_update); what "
    "is left out is not promised."
)
_PAUSE_ON = "Ticket statuses in which a metric's clock stands still, by metric; what is left out pauses as usual."
_THRESHOLDS = "Levels in percent of the target at which something is done."
_ACTIONS = (
    "What is done at a level, by level: a list of `notify`, `reassign`, `raise_priority`, `tag` and `webhook`; a level "
    "that is left out tells the assignee."
)
_VALID_FROM = "From this time on; null is from ever."
_VALID_UNTIL = "Until just before this time; null is for ever."
_EXAMPLE: dict[str, JsonValue] = {
    "name": "Gold customers",
    "calendar": "office",
    "conditions": {"all": [{"field": "company", "op": "in", "value": ["Bluewater Haulage"]}]},
    "targets": {"urgent": {"first_response": 30, "resolution": 240}, "normal": {"first_response": 240}},
    "pause_on": {"resolution": ["pending", "on_hold"]},
    "thresholds": [75, 90, 100],
    "actions": {"90": [{"do": "notify", "who": ["assignee", "team_lead"]}], "100": [{"do": "tag", "tag": "late"}]},
    "note": "As agreed in March.",
}

_Note = Annotated[str, StringConstraints(max_length=1000)]
_Targets = dict[str, dict[str, int | None]]
_PauseOn = dict[str, list[str]]


class NewPolicyBody(Body):
    """A policy to be made at the end of the order."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    name: Name
    calendar: Name = Field(description=_CALENDAR)
    targets: _Targets = Field(description=_TARGETS)
    conditions: dict[str, Any] = Field(default={}, description=_CONDITIONS)
    pause_on: _PauseOn = Field(default={}, description=_PAUSE_ON)
    thresholds: list[int] = Field(default=[75, 90, 100], description=_THRESHOLDS)
    actions: dict[str, Any] = Field(default={}, description=_ACTIONS)
    valid_from: datetime | None = Field(default=None, description=_VALID_FROM)
    valid_until: datetime | None = Field(default=None, description=_VALID_UNTIL)
    is_default: bool = Field(default=False, description="Takes the tickets that no other policy is meant for.")
    note: _Note | None = Field(default=None, description="Why, for those who read the versions later.")

    def as_new(self) -> NewPolicy:
        """Return the policy to be made."""
        return NewPolicy(self.name, self.model_dump(include=set(FIELDS)), self.is_default, self.note)


class PolicyChangesBody(Body):
    """What is to change; the rest stays."""

    name: Name | None = None
    calendar: Name | None = Field(default=None, description=_CALENDAR)
    targets: _Targets | None = Field(default=None, description=_TARGETS)
    conditions: dict[str, Any] | None = Field(default=None, description=_CONDITIONS)
    pause_on: _PauseOn | None = Field(default=None, description=_PAUSE_ON)
    thresholds: list[int] | None = Field(default=None, description=_THRESHOLDS)
    actions: dict[str, Any] | None = Field(default=None, description=_ACTIONS)
    valid_from: datetime | None = Field(default=None, description=_VALID_FROM)
    valid_until: datetime | None = Field(default=None, description=_VALID_UNTIL)
    is_default: bool | None = None
    note: _Note | None = Field(default=None, description="Why, for those who read the versions later.")

    def as_changes(self) -> PolicyChanges:
        """Return the changes; only of the validity does null mean something."""
        given = self.model_dump(include=set(FIELDS), exclude_unset=True)
        kept = {name: value for name, value in given.items() if value is not None or name.startswith("valid_")}
        return PolicyChanges(self.name, self.is_default, kept, self.note)


class PolicyOrder(Body):
    """All active policies, in the order they are to be tried."""

    policy_ids: list[UUID] = Field(max_length=500)


class CalendarNameView(View):
    """A calendar by id and name."""

    id: UUID
    name: str


class PolicyVersionView(View):
    """What a policy says, or said at one time."""

    number: int
    created_at: datetime
    made_by: str | None = Field(description="Name of the user who made it.")
    note: str | None
    calendar: CalendarNameView
    conditions: dict[str, Any] = Field(description=_CONDITIONS)
    targets: dict[str, dict[str, int]] = Field(description=_TARGETS)
    pause_on: dict[str, list[str]] = Field(description=_PAUSE_ON)
    thresholds: list[int] = Field(description=_THRESHOLDS)
    actions: dict[str, Any] = Field(description=_ACTIONS)
    valid_from: datetime | None = Field(description=_VALID_FROM)
    valid_until: datetime | None = Field(description=_VALID_UNTIL)


class PolicyView(Made):
    """A policy with its current version."""

    name: str
    position: int = Field(description="Lower ones are tried first.")
    is_default: bool
    active: bool = Field(description="False once archived.")
    version: PolicyVersionView


class StandingView(View):
    """How a clock stands."""

    policy: str
    state: ClockState
    target_s: int
    due_at: datetime | None
    breached: bool
    time_left_s: int = Field(description="Open seconds until it is due, negative when overdue.")


class ClockChangeView(View):
    """A clock before and after; null where there is none."""

    ticket_id: UUID
    number: int = Field(description="The ticket's.")
    metric: str
    instance: int
    before: StandingView | None
    after: StandingView | None


class PreviewView(View):
    """What a change would do to the open tickets."""

    open_tickets: int
    looked_at: int = Field(description="Of how many of them this speaks, the oldest ones.")
    touched: int = Field(
        description="Tickets with a clock that would change, or that would come under a policy or lose it."
    )
    newly_promised: int = Field(description="Tickets that are under no policy and would come under one.")
    newly_unpromised: int = Field(description="Tickets that would be under no policy any more.")
    newly_breached: int = Field(description="Clocks.")
    no_longer_breached: int = Field(description="Clocks.")
    not_computed: int = Field(description="Tickets whose clocks cannot be computed after the change.")
    changes: list[ClockChangeView] = Field(description="By ticket, at most 200.")
    truncated: bool = Field(description="There are more open tickets, or more changes, than these.")
