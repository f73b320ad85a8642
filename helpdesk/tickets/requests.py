"""What somebody asks for when they open a ticket, and who they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from helpdesk.errors import Conflict, NotFound
from helpdesk.models.values import AuthorKind, TicketPriority, TicketType


@dataclass(frozen=True)
class Actor:
    """Who does something: an agent or customer by id, the system or a model without one."""

    kind: AuthorKind
    id: UUID | None = None


SYSTEM = Actor(AuthorKind.SYSTEM)
MODEL = Actor(AuthorKind.AI)


@dataclass(frozen=True)
class Requester:
    """Who a ticket is for."""

    email: str
    name: str = ""


@dataclass(frozen=True)
class NewTicket:
    """A ticket to be opened; what is None is left to triage, what is given was decided by a person.

    Attributes:
        category, team: slugs.
        assets: tags.
        external_id: the ticket's name in the system it comes from; a second one with it is refused.
    """

    subject: str
    body: str
    requester: Requester | None = None
    channel: str = "api"
    priority: TicketPriority | None = None
    type: TicketType | None = None
    category: str | None = None
    team: str | None = None
    tags: Sequence[str] = ()
    assets: Sequence[str] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    external_id: str | None = None


class TicketNotFound(NotFound):
    """There is no such ticket."""


class TicketAlreadyThere(Conflict):
    """A ticket with this external id exists already."""


class CategoryNotFound(NotFound):
    """There is no such category."""


class TeamNotFound(NotFound):
    """There is no such team."""


class UserNotFound(NotFound):
    """There is no such user."""


class AssetNotFound(NotFound):
    """There is no such asset."""
