"""Jobs of the service-level clocks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import field_validator

from helpdesk.models.values import JobPriority, UserRole
from helpdesk.queue.args import JobArgs

# The zone that is farthest ahead of UTC.
_FIRST_ZONE = timedelta(hours=14)


class SlaPredict(JobArgs):
    """Estimate how likely each running clock of a ticket is to breach."""

    job_type: ClassVar = "SLA_PREDICT"
    queue: ClassVar = "sla"
    max_retries: ClassVar = 3
    enqueue_role: ClassVar = UserRole.AGENT

    ticket_id: UUID


class ApplySlaAction(JobArgs):
    """Change a ticket, or tell an address, as a policy wants when a clock reaches a level; once.

    Attributes:
        target_version: the clock's when it reached the level.
        action: as it stands in the policy, see `helpdesk.sla.rules.actions`.
    """

    job_type: ClassVar = "APPLY_SLA_ACTION"
    queue: ClassVar = "sla"
    priority: ClassVar = JobPriority.HIGH

    ticket_id: UUID
    clock_id: UUID
    metric: str
    level: int
    target_version: int
    action: dict[str, Any]


class RefreshPredictions(JobArgs):
    """Predict anew the clocks of an organisation that have come further since, or that nobody has predicted."""

    job_type: ClassVar = "REFRESH_PREDICTIONS"
    queue: ClassVar = "sla"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 2
    timeout_s: ClassVar = 300
    enqueue_role: ClassVar = UserRole.LEAD
    limited_by: ClassVar = "tenant"
    most_per_worker: ClassVar = 1


class FitBreachRisk(JobArgs):
    """Fit an organisation's estimate of breaches to its past clocks, and use it where it is not worse than before."""

    job_type: ClassVar = "FIT_BREACH_RISK"
    queue: ClassVar = "sla"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 2
    timeout_s: ClassVar = 1800
    enqueue_role: ClassVar = UserRole.ADMIN
    limited_by: ClassVar = "tenant"
    # Growing trees takes a core for minutes.
    most_per_worker: ClassVar = 1


class SlaReport(JobArgs):
    """Report how the service-level promises of a week were kept, as a page to print and as tables."""

    job_type: ClassVar = "SLA_REPORT"
    queue: ClassVar = "reports"
    timeout_s: ClassVar = 600
    enqueue_role: ClassVar = UserRole.LEAD
    most_per_worker: ClassVar = 2

    # None takes the last week that is over where the organisation is.
    week_start: date | None = None

    @field_validator("week_start")
    @classmethod
    def _is_a_monday(cls, day: date | None) -> date | None:
        if day is not None and day.weekday() != 0:
            raise ValueError("a week starts on a Monday")
        return day

    @classmethod
    def for_tick(cls, tick: datetime, payload: Mapping[str, Any]) -> Self:
        """Report the last week that is over anywhere; where it is not, the job waits for it."""
        day = (tick + _FIRST_ZONE).date()
        monday = day - timedelta(days=day.weekday() + 7)
        return cls.model_validate({"week_start": monday, **payload})


class RetargetClocks(JobArgs):
    """Put open tickets under the promises that are in force now, after a change of policies or business hours.

    Attributes:
        calendar_id, policy_id: whose change asked for it first; all promises are looked at in any case.
        as_of: judge validity at least as of this time, the one that a timed job was made for.
    """

    job_type: ClassVar = "RETARGET_CLOCKS"
    queue: ClassVar = "sla"
    timeout_s: ClassVar = 1800
    enqueue_role: ClassVar = UserRole.ADMIN
    # Two walks over the same tickets would only wait for each other.
    limited_by: ClassVar = "tenant"

    calendar_id: UUID | None = None
    policy_id: UUID | None = None
    as_of: datetime | None = None


class ProveClocks(JobArgs):
    """Prove that the clocks stored are what the tickets' logs say; a run goes on where the one before ended.

    Attributes:
        heal: set right the clocks that differ.
    """

    job_type: ClassVar = "PROVE_CLOCKS"
    queue: ClassVar = "sla"
    priority: ClassVar = JobPriority.LOW
    timeout_s: ClassVar = 4 * 3600
    enqueue_role: ClassVar = UserRole.ADMIN
    limited_by: ClassVar = "tenant"

    heal: bool = True
