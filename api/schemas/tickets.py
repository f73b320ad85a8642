"""Tickets, what is said on them and what happens to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from api.schemas.bodies import Body, Email, LongText, Made, Name, Slug, View
from api.schemas.events import EventView
from api.schemas.sla import ClockView
from helpdesk.models.values import AuthorKind, MessageVisibility, TicketPriority, TicketStatus, TicketType
from helpdesk.tickets.custom_fields import CustomChanges, CustomFields

_TAGS = Field(max_length=50, description="Free labels.")


class RequesterBody(Body):
    """Who a ticket is for; made a contact if new."""

    email: Email
    name: str = Field(default="", max_length=200)


class NewTicketBody(Body):
    """A ticket to be opened; what is left out is left to triage."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "subject": "VPN drops every ten minutes",
                "body": "Since this morning the VPN disconnects with error HL-809. I am at home, on Wi-Fi.",
                "requester": {"email": "robin@example.test", "name": "Robin Vale"},
            }
        }
    )

    subject: str = Field(min_length=1, max_length=500)
    body: LongText
    requester: RequesterBody | None = None
    channel: Literal["api", "web", "email", "phone", "chat"] = "api"
    priority: TicketPriority | None = None
    type: TicketType | None = None
    category: Slug | None = None
    team: Slug | None = None
    tags: list[Name] = Field(default=[], max_length=50, description="Free labels.")
    assets: list[Name] = Field(default=[], max_length=50, description="Tags of assets the ticket is about.")
    custom: CustomFields = Field(default={}, description="Fields of your own: strings, numbers and booleans.")
    external_id: Name | None = Field(default=None, description="The ticket's name in the system it comes from.")


class NewMessage(Body):
    """Something to be said on a ticket, for the requester to read."""

    model_config = ConfigDict(json_schema_extra={"example": {"body": "Please try the steps below.", "by": "agent"}})

    body: LongText
    by: Literal["agent", "customer"] = Field(
        default="agent", description="`customer` records what the requester has written."
    )


class NewNote(Body):
    """A note that only agents see."""

    body: LongText


class StatusChange(Body):
    """Where the ticket is to stand."""

    model_config = ConfigDict(json_schema_extra={"example": {"status": "solved", "resolution": "Client reinstalled."}})

    status: TicketStatus
    resolution: LongText | None = Field(default=None, description="What solved it; goes into the search index.")


class Assignment(Body):
    """Who is to have the ticket; null takes it away, a field left out stays."""

    assignee_id: UUID | None = None
    team: Slug | None = None

    @model_validator(mode="after")
    def _something(self) -> Assignment:
        if not self.model_fields_set:
            raise ValueError("give assignee_id, team or both")
        return self

    def changes(self) -> dict[str, Any]:
        """Return what was given, under the product's names."""
        given = self.model_dump(include=self.model_fields_set)
        return {"assignee" if name == "assignee_id" else name: value for name, value in given.items()}


class Merger(Body):
    """Which ticket takes this one in."""

    model_config = ConfigDict(json_schema_extra={"example": {"into": 12}})

    into: UUID | Annotated[int, Field(ge=1, le=2**63 - 1)] = Field(description="The other ticket's id or number.")


class FieldChanges(Body):
    """Fields to be set by hand; triage leaves them alone from then on."""

    model_config = ConfigDict(json_schema_extra={"example": {"priority": "high", "category": "network-vpn"}})

    subject: str | None = Field(default=None, min_length=1, max_length=500)
    priority: TicketPriority | None = None
    type: TicketType | None = None
    category: Slug | None = None
    team: Slug | None = None
    tags: list[Name] | None = Field(default=None, max_length=50)
    custom: CustomChanges | None = Field(
        default=None, description="Fields of your own to set; null removes one, what is not named stays."
    )

    @model_validator(mode="after")
    def _sensible(self) -> FieldChanges:
        if not self.model_fields_set:
            raise ValueError("give at least one field")
        for name in ("subject", "priority", "type", "tags", "custom"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null")
        return self

    def changes(self) -> dict[str, Any]:
        """Return the fields that were given."""
        return self.model_dump(include=self.model_fields_set)


class MessageView(Made):
    """Something that was said."""

    author_kind: AuthorKind
    author_user_id: UUID | None
    author_contact_id: UUID | None
    visibility: MessageVisibility
    body: str


class TicketSummary(Made):
    """A ticket as a list shows it."""

    number: int
    subject: str
    status: TicketStatus
    priority: TicketPriority
    type: TicketType
    channel: str
    category: str | None
    team: str | None
    assignee_id: UUID | None
    assignee: str | None
    requester: str | None
    requester_email: str | None
    tags: list[str]
    language: str | None
    decided_by: dict[str, str] = Field(description="Who decided a field: `agent`, `ai`, or `system` for a policy.")
    resolution: str | None
    custom: dict[str, Any]
    external_id: str | None
    merged_into_id: UUID | None
    version: int
    reopen_count: int
    first_public_reply_at: datetime | None
    solved_at: datetime | None
    updated_at: datetime


class ListedTicket(TicketSummary):
    """A ticket in a list, with its clocks."""

    sla: list[ClockView]


class AssetLink(View):
    """An asset the ticket is about."""

    id: UUID
    tag: str
    kind: str
    name: str


class TicketLink(View):
    """Another ticket."""

    id: UUID
    number: int
    subject: str


class WatcherView(View):
    """A user who hears of a ticket."""

    user_id: UUID
    name: str
    email: str
    since: datetime


class TicketEventView(EventView):
    """One entry of a ticket's history."""

    seq: int
