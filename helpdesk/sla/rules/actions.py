"""What a policy does when a clock reaches a level: tell people, or change the ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from helpdesk.models.values import Audience, TicketPriority
from helpdesk.sla.rules.policy import InvalidPolicy, Metric
from helpdesk.sla.rules.sentences import sentence_of

_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
_Slug = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    # None: at this level of every metric.
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] | None = None

    def concerns(self, metric: str) -> bool:
        """Tell whether the action is meant for a metric's clock."""
        return self.metrics is None or metric in self.metrics


class Notify(_Action):
    """Tell people by the channels they chose."""

    do: Literal["notify"]
    who: Annotated[tuple[Audience, ...], Field(min_length=1)] = (Audience.ASSIGNEE,)


class Reassign(_Action):
    """Give the ticket to a user, a team, or the one who leads its team; exactly one is named."""

    do: Literal["reassign"]
    user_id: UUID | None = None
    team: _Slug | None = None
    team_lead: Literal[True] | None = None

    @model_validator(mode="after")
    def _to_one(self) -> Self:
        if sum(given is not None for given in (self.user_id, self.team, self.team_lead)) != 1:
            raise ValueError("name one of user_id, team and team_lead")
        return self


class RaisePriority(_Action):
    """Raise the ticket's priority to at least this one; None raises it by one step."""

    do: Literal["raise_priority"]
    to: TicketPriority | None = None


class AddTag(_Action):
    """Add a tag to the ticket."""

    do: Literal["tag"]
    tag: Annotated[str, StringConstraints(min_length=1, max_length=50, strip_whitespace=True, pattern=_ONE_LINE)]


class CallWebhook(_Action):
    """Tell one address, whatever events it asked for."""

    do: Literal["webhook"]
    endpoint_id: UUID


# Those that are jobs of their own.
TicketAction: TypeAlias = Reassign | RaisePriority | AddTag | CallWebhook
Action: TypeAlias = Annotated[Notify | TicketAction, Field(discriminator="do")]
_Level: TypeAlias = Annotated[int, Field(gt=0, le=1000)]
_AtOneLevel: TypeAlias = Annotated[tuple[Action, ...], Field(max_length=20)]
_ByLevel: TypeAlias = dict[_Level, _AtOneLevel]
_BY_LEVEL: TypeAdapter[_ByLevel] = TypeAdapter(_ByLevel)
_TICKET_ACTION: TypeAdapter[TicketAction] = TypeAdapter(Annotated[TicketAction, Field(discriminator="do")])


class Actions(BaseModel):
    """The actions of each level; a level that is not named tells the assignee, one with an empty list does nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by_level: _ByLevel = {}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, where: str = "actions") -> Self:
        """Read `{level: [action, ...]}`.

        Raises:
            InvalidPolicy: a field is wrong; the sentence names it, under the name given as `where`.
        """
        try:
            return cls(by_level=_BY_LEVEL.validate_python(dict(value)))
        except ValidationError as error:
            raise InvalidPolicy(sentence_of(error, within=where)) from error

    def at(self, level: int, metric: str) -> tuple[Action, ...]:
        """Return what to do when a metric's clock reaches a level."""
        named = self.by_level.get(level)
        if named is None:
            return (Notify(do="notify"),)
        return tuple(action for action in named if action.concerns(metric))


def read_ticket_action(value: Mapping[str, Any]) -> TicketAction:
    """Read one action as a job carries it.

    Raises:
        InvalidPolicy: it is none, or tells people instead of changing a ticket.
    """
    try:
        return _TICKET_ACTION.validate_python(dict(value))
    except ValidationError as error:
        raise InvalidPolicy(sentence_of(error, within="action")) from error
