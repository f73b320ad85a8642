"""What a line of the product's own export tells beyond the fields that every system has; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from helpdesk.models.values import AuthorKind, MessageVisibility, TicketStatus
from helpdesk.tickets.history import PastMessage, PastMove
from helpdesk.tickets.requests import Actor
from helpdesk.transfer.rows import RowRefused
from helpdesk.transfer.values import long_text, moment, one_of

# By this an import knows that the rest of a line is not the ticket's own data.
SCHEMA = "atum-desk/ticket/1"


@dataclass(frozen=True)
class Exported:
    """What is taken back besides the usual fields.

    Attributes:
        custom: the data that the desk itself kept with the ticket.
        messages: what was said after the opening.
        moves: the statuses the ticket took on.
    """

    custom: dict[str, Any]
    messages: tuple[PastMessage, ...] = ()
    moves: tuple[PastMove, ...] = ()


def read_exported(rest: dict[str, Any], *, now: datetime) -> Exported:
    """Return what the columns of a row without a field of their own hold, from an export of ours or of others.

    Raises:
        RowRefused: naming the field that is wrong.
    """
    if rest.get("schema") != SCHEMA:
        return Exported(rest)
    custom = rest.get("custom", {})
    if not isinstance(custom, dict):
        raise RowRefused("The custom data is not an object.", field="custom")
    messages = tuple(_message(said, now) for said in _objects(rest, "messages")[1:])
    changes = [event for event in _objects(rest, "events") if event.get("kind") == "ticket.status_changed"]
    return Exported(custom, messages, tuple(_move(event, now) for event in changes))


def _objects(rest: dict[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = rest.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise RowRefused(f"The {name} are not a list of objects.", field=name)
    return found


def _message(said: Mapping[str, Any], now: datetime) -> PastMessage:
    return PastMessage(
        at=moment(said.get("created_at"), field="messages.created_at", now=now),
        actor=Actor(one_of(said.get("author_kind"), AuthorKind, field="messages.author_kind")),
        body=long_text(said.get("body"), field="messages.body"),
        visibility=one_of(said.get("visibility"), MessageVisibility, field="messages.visibility"),
    )


def _move(event: Mapping[str, Any], now: datetime) -> PastMove:
    data = event.get("data")
    to = data.get("to") if isinstance(data, dict) else None
    return PastMove(
        at=moment(event.get("occurred_at"), field="events.occurred_at", now=now),
        to=one_of(to, TicketStatus, field="events.data.to"),
        actor=Actor(one_of(event.get("actor_kind"), AuthorKind, field="events.actor_kind")),
    )
