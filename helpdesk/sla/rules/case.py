"""The JSON form of a case to simulate, checked.

Fields it does not know are ignored, and one that may be left out may be null as well. Where one is left out, `by` of
`created` is customer and of `reply` agent, `public` is true, `policy` of `created` is none and its `status` new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    model_validator,
)

from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.sla.rules.history import Event, EventType

_TIME_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


def _written(value: object) -> object:
    # pydantic would take a number, even one in quotes, for seconds since 1970.
    if isinstance(value, datetime) or (isinstance(value, str) and _TIME_STAMP.match(value)):
        return value
    raise ValueError("a time must be written as text, like 2026-03-03T09:00:00Z")


def _computable(at: datetime) -> datetime:
    if not 1970 < at.year < 3000:
        raise ValueError("a time must lie between the years 1971 and 2999")
    return at.astimezone(UTC)


_Moment: TypeAlias = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_computable)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        may_lack = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {name: given for name, given in value.items() if given is not None or name not in may_lack}


class Created(_Part):
    """The ticket was opened."""

    at: _Moment
    type: Literal["created"]
    priority: TicketPriority
    policy: StrictStr | None = None
    by: Literal[AuthorKind.CUSTOMER, AuthorKind.AGENT] = AuthorKind.CUSTOMER
    status: TicketStatus = TicketStatus.NEW

    def event(self) -> Event:
        """Return the entry of the log."""
        return Event(
            self.at, EventType.CREATED, priority=self.priority, policy=self.policy, by=self.by, status=self.status
        )


class Message(_Part):
    """The customer wrote."""

    at: _Moment
    type: Literal["message"]
    public: StrictBool = True

    def event(self) -> Event:
        """Return the entry of the log."""
        return Event(self.at, EventType.MESSAGE, public=self.public)


class Reply(_Part):
    """The help desk wrote: a person, a model or an automatic reply; not public is a note."""

    at: _Moment
    type: Literal["reply"]
    by: Literal[AuthorKind.AGENT, AuthorKind.AI, AuthorKind.SYSTEM] = AuthorKind.AGENT
    public: StrictBool = True

    def event(self) -> Event:
        """Return the entry of the log."""
        return Event(self.at, EventType.REPLY, by=self.by, public=self.public)


class StatusMove(_Part):
    """The ticket took on another status."""

    at: _Moment
    type: Literal["status"]
    to: TicketStatus

    def event(self) -> Event:
        """Return the entry of the log."""
        return Event(self.at, EventType.STATUS, status=self.to)


class PriorityMove(_Part):
    """The ticket took on another priority."""

    at: _Moment
    type: Literal["priority"]
    to: TicketPriority

    def event(self) -> Event:
        """Return the entry of the log."""
        return Event(self.at, EventType.PRIORITY, priority=self.to)


class PolicyMove(_Part):
    """The ticket came under another policy, or under none."""

    at: _Moment
    type: Literal["policy"]
    to: StrictStr | None

    def event(self) -> Event:
        """Return the entry of the log."""
        return Event(self.at, EventType.POLICY, policy=self.to)


class Assigned(_Part):
    """The ticket came to a person, or to nobody."""

    at: _Moment
    type: Literal["assigned"]
    to: StrictStr | None

    def event(self) -> Event:
        """Return the entry of the log."""
        return Event(self.at, EventType.ASSIGNED, assigned=self.to is not None)


class Gone(_Part):
    """The ticket was merged into another or deleted."""

    at: _Moment
    type: Literal["merged", "deleted"]

    def event(self) -> Event:
        """Return the entry of the log."""
        return Event(self.at, EventType(self.type))


class Check(_Part):
    """An instant to look at."""

    as_of: _Moment


_Entry: TypeAlias = Annotated[
    Created | Message | Reply | StatusMove | PriorityMove | PolicyMove | Assigned | Gone, Field(discriminator="type")
]


class Case(_Part):
    """A ticket's log with all it takes to compute its clocks; calendars and policies are read by their own classes."""

    calendars: dict[str, dict[str, Any]]
    policies: dict[str, dict[str, Any]]
    events: list[_Entry]
    checks: list[Check] = []
