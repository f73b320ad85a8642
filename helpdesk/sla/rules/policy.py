"""What a policy promises: a target for each priority and metric, what pauses it, and when it warns."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from helpdesk.errors import Invalid
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.sla.rules.sentences import sentence_of


class Metric(StrEnum):
    """What a clock measures."""

    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    RESOLUTION = "resolution"
    TIME_TO_OWN = "time_to_own"
    PERIODIC_UPDATE = "periodic_update"


class InvalidPolicy(Invalid):
    """The policy cannot be read."""


_PAUSED_UNLESS_SAID: Mapping[Metric, frozenset[TicketStatus]] = {
    Metric.RESOLUTION: frozenset({TicketStatus.PENDING, TicketStatus.ON_HOLD}),
    # The customer is owed no news while it is on them to answer, but wants them while a third party is awaited.
    Metric.PERIODIC_UPDATE: frozenset({TicketStatus.PENDING}),
}


def _ascending(levels: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(levels)))


# The same five years as a calendar's horizon.
_Minutes: TypeAlias = Annotated[StrictInt, Field(gt=0, le=5 * 366 * 24 * 60)]
_Level: TypeAlias = Annotated[StrictInt, Field(gt=0, le=1000)]
_Levels: TypeAlias = Annotated[tuple[_Level, ...], AfterValidator(_ascending)]


class Policy(BaseModel):
    """One version of a policy; `calendar` is the key of its calendar, targets are whole minutes above 0.

    A metric that `pause_on` leaves out pauses as usual: a resolution in pending and on_hold, a periodic update in
    pending, the others never.
    `thresholds` are the notification levels in percent of the target, ascending.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    calendar: StrictStr
    targets: dict[TicketPriority, dict[Metric, _Minutes | None]]
    pause_on: dict[Metric, frozenset[TicketStatus]] = {}
    thresholds: _Levels = (75, 90, 100)

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, where: str = "policy") -> Self:
        """Read `{calendar, targets{priority: {metric: minutes}}, pause_on?{metric: [status]}, thresholds?}`.

        Raises:
            InvalidPolicy: a field is wrong; the sentence names it, under the name given as `where`.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise InvalidPolicy(sentence_of(error, within=where)) from error

    def target_s(self, metric: Metric, priority: TicketPriority) -> int | None:
        """Return the target in seconds, or None where the policy promises nothing."""
        minutes = self.targets.get(priority, {}).get(metric)
        return None if minutes is None else minutes * 60

    @cached_property
    def metrics(self) -> frozenset[Metric]:
        """The metrics for which tickets of some priority have a target."""
        return frozenset(metric for targets in self.targets.values() for metric in targets)

    def pauses(self, metric: Metric) -> frozenset[TicketStatus]:
        """Return the statuses in which the metric's clock stands still."""
        return self.pause_on.get(metric, _PAUSED_UNLESS_SAID.get(metric, frozenset()))
