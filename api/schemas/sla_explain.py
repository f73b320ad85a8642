"""Explanations of clocks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.schemas.bodies import View
from helpdesk.models.values import ClockState, TicketPriority
from helpdesk.sla.explaining.explanation import IntervalKind
from helpdesk.sla.explaining.marks import MarkKind
from helpdesk.sla.rules.policy import Metric
from helpdesk.sla.rules.reading import Outcome


class LevelView(View):
    """A level, in percent of the target, and when it is or was reached or told."""

    level: int
    at: datetime | None


class PromiseView(View):
    """What a clock ran by."""

    policy: str
    calendar: str
    priority: TicketPriority
    target_s: int


class IntervalView(View):
    """A stretch of a clock's life."""

    kind: IntervalKind
    start: datetime
    end: datetime
    counted_s: int = Field(description="Open seconds of it that counted.")
    elapsed_s: int = Field(description="What the clock has counted by its end.")
    elapsed_pct: float = Field(description="The same in percent of the target.")
    reason: str


class MarkView(View):
    """Something that happened to a clock."""

    at: datetime
    kind: MarkKind
    text: str
    level: int | None = Field(description="In percent of the target.")
    before: PromiseView | None = Field(description="What it ran by before a change.")
    after: PromiseView | None = Field(description="What it runs by since.")


class ClockExplanation(View):
    """A clock with the stretches of its life and what happened in between."""

    metric: Metric
    instance: int
    state: ClockState
    outcome: Outcome | None
    breached: bool
    start_at: datetime
    target_s: int
    due_at: datetime | None
    warn_75_at: datetime | None
    warn_90_at: datetime | None
    warnings: list[LevelView] = Field(description="The policy's levels other than 75, 90 and 100.")
    elapsed_s: int
    elapsed_pct: float
    remaining_s: int
    overdue_s: int
    stopped_at: datetime | None
    breached_at: datetime | None
    notifications: list[LevelView] = Field(description="What has been told.")
    policy: str = Field(description="Name and version.")
    calendar: str = Field(description="Name and version.")
    timezone: str = Field(description="The calendar's.")
    intervals: list[IntervalView]
    marks: list[MarkView]


class TicketExplanation(View):
    """The clocks of a ticket, explained."""

    ticket_id: UUID
    as_of: datetime
    clocks: list[ClockExplanation]
