"""Turn the demo's closed tickets into past ones, dated back from today."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from helpdesk.models.values import AuthorKind, MessageVisibility, TicketPriority, TicketStatus, TicketType
from helpdesk.tickets.history import PastMessage, PastMove, PastTicket
from helpdesk.tickets.requests import Actor, NewTicket, Requester

# How long after it was solved a desk closes a ticket.
_CLOSED_AFTER = timedelta(days=3)
_SOLVED_AFTER_REPLY = timedelta(minutes=5)


def past_ticket(
    entry: Mapping[str, Any], *, users: Mapping[str, UUID], contacts: Mapping[str, UUID], zone: ZoneInfo, now: datetime
) -> PastTicket:
    """Return a closed ticket as it went, `days_ago` before now at `opened_at` local time.

    Args:
        entry: one of closed_tickets.yaml.
        users, contacts: ids by e-mail address.
    """
    day = now.astimezone(zone).date() - timedelta(days=int(entry["days_ago"]))
    opened_at = datetime.combine(day, time.fromisoformat(entry["opened_at"]), zone).astimezone(now.tzinfo)
    agent = Actor(AuthorKind.AGENT, users[entry["assignee"]])
    customer = Actor(AuthorKind.CUSTOMER, contacts[entry["requester"]])
    messages = [_message(said, opened_at, agent=agent, customer=customer) for said in entry["messages"]]
    first = entry.get("initial_priority")
    return PastTicket(
        ticket=_ticket(entry),
        opened_at=opened_at,
        moves=_moves(entry, messages, opened_at=opened_at, agent=agent, now=now),
        messages=messages,
        assignee_id=agent.id,
        resolution=entry["resolution"],
        first_priority=TicketPriority(first) if first else None,
    )


def _ticket(entry: Mapping[str, Any]) -> NewTicket:
    return NewTicket(
        subject=entry["subject"],
        body=entry["body"].strip(),
        requester=Requester(entry["requester"]),
        channel=entry.get("channel", "email"),
        priority=TicketPriority(entry["priority"]),
        type=TicketType(entry["type"]),
        category=entry["category"],
        team=entry["team"],
        tags=[str(tag) for tag in entry["tags"]],
        assets=entry.get("assets", ()),
        external_id=f"demo-{entry['key']}",
    )


def _message(said: Mapping[str, Any], opened_at: datetime, *, agent: Actor, customer: Actor) -> PastMessage:
    return PastMessage(
        at=opened_at + timedelta(minutes=int(said["after_minutes"])),
        actor=agent if said["by"] == "agent" else customer,
        body=said["body"].strip(),
        visibility=MessageVisibility.PUBLIC if said["public"] else MessageVisibility.INTERNAL,
    )


def _moves(
    entry: Mapping[str, Any], messages: list[PastMessage], *, opened_at: datetime, agent: Actor, now: datetime
) -> list[PastMove]:
    solved_at = opened_at + timedelta(minutes=int(entry["solved_after_minutes"]))
    moves = [PastMove(solved_at, TicketStatus.SOLVED, agent)]
    if entry.get("reopened"):
        # The first answer was thought to be the last; the customer's next message opens the ticket again.
        first = next(said.at for said in messages if said.actor.kind is AuthorKind.AGENT)
        moves.insert(0, PastMove(first + _SOLVED_AFTER_REPLY, TicketStatus.SOLVED, agent))
    if entry["status"] == TicketStatus.CLOSED:
        moves.append(PastMove(min(solved_at + _CLOSED_AFTER, now), TicketStatus.CLOSED))
    return moves
