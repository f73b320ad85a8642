"""Reports on how promises were kept."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.bodies import View
from helpdesk.models.values import ClockState


class SpreadView(View):
    """Half of the ended clocks are not above the median, nine of ten not above `p90`."""

    median: float
    p90: float


class KeptView(View):
    """Promises that were decided."""

    decided: int
    met: int
    breached: int
    compliance: float | None = Field(description="Share that was met, 0 to 1; null where none was decided.")
    used: SpreadView | None = Field(description="Shares of the target used, 1 being all of it.")
    elapsed_s: SpreadView | None = Field(description="Open seconds used.")


class KeptGroupView(KeptView):
    """Promises that have something in common."""

    key: str | None = Field(description="Id, value or first day of what they have in common; null where it is missing.")
    name: str


class ReportFilterView(View):
    """Which promises were counted; an empty list leaves a field open."""

    metric: list[str]
    policy: list[str]
    team: list[str]
    priority: list[str]


class SlaReportView(View):
    """How promises were kept in a period, whole and by each dimension; each dimension adds up to the whole."""

    model_config = ConfigDict(from_attributes=True, validate_by_name=True, validate_by_alias=True)

    organization: str
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    timezone: str
    as_of: datetime
    filter: ReportFilterView
    total: KeptView
    groups: dict[str, list[KeptGroupView]] = Field(description="By dimension.")


class BreachTicketView(View):
    """The ticket of a broken promise."""

    id: UUID
    number: int
    subject: str


class IntervalView(BaseModel):
    """A stretch of a clock's life: whether it counted, and why."""

    kind: str = Field(description="`counted`, `closed`, `paused`, `solved`, or several `merged`.")
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    counted_s: int
    elapsed_s: int = Field(description="What the clock shows at the end of it.")
    elapsed_pct: float
    reason: str


class BreachReportView(View):
    """A promise that was broken, and what its clock counted."""

    clock_id: UUID
    ticket: BreachTicketView
    metric: str
    instance: int
    policy: str
    priority: str
    team: str
    agent: str | None = Field(description="Who is credited with it.")
    assignee: str | None
    company: str | None
    category: str | None
    start_at: datetime
    target_s: int
    breached_at: datetime
    stopped_at: datetime | None
    state: ClockState
    overdue_s: int | None = Field(description="Open seconds beyond the target, so far or in the end.")
    explanation: str
    intervals: list[IntervalView]
