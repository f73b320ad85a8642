"""Which ticket this one repeats: the same problem, told by the same people or at the same time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from helpdesk.rag.graph.similar import SimilarTicket

# Somebody who asks again after this has the problem again.
_SAME_PEOPLE = timedelta(days=14)
# Tickets of one disturbance come within hours of each other.
_SAME_INCIDENT = timedelta(hours=24)
# How likely a ticket that reads the same is the same, by who tells it: estimates, until agents have judged enough.
_LIKELY = {"requester": 0.9, "asset": 0.85, "company": 0.75, "incident": 0.6}


@dataclass(frozen=True)
class Repeated:
    """A ticket that another one repeats.

    Attributes:
        probability: how likely it is that both are about one thing.
        reason: a sentence for the agent.
    """

    number: int
    probability: float
    reason: str


def repeated(
    similar: Sequence[SimilarTicket], *, opened_at: datetime, of_company: Collection[UUID] = ()
) -> list[Repeated]:
    """Return the earlier tickets that a ticket repeats, the likeliest first, at most one for each.

    Args:
        similar: the tickets most like it; only those count that are the same problem by their words.
        opened_at: when the ticket was opened.
        of_company: the tickets among them that its company opened.
    """
    found = [
        Repeated(ticket.number, round(_LIKELY[kind] * (ticket.similarity or 1.0) ** 0.5, 4), _reason(ticket, kind))
        for ticket in similar
        if ticket.same_as and (kind := _kind(ticket, opened_at, of_company)) is not None
    ]
    return sorted(found, key=lambda one: (-one.probability, one.number))


def _kind(ticket: SimilarTicket, opened_at: datetime, of_company: Collection[UUID]) -> str | None:
    age = opened_at - ticket.created_at
    if age < timedelta() or not (ticket.is_open or age <= _SAME_PEOPLE):
        return None
    if ticket.same_requester:
        return "requester"
    if ticket.same_asset:
        return "asset"
    if ticket.ticket_id in of_company and age <= _SAME_PEOPLE:
        return "company"
    return "incident" if ticket.is_open and age <= _SAME_INCIDENT else None


def _reason(ticket: SimilarTicket, kind: str) -> str:
    who = {
        "requester": "the same requester",
        "asset": "another ticket about the same asset",
        "company": "the same company",
        "incident": "somebody else within a day",
    }[kind]
    state = "it is still open" if ticket.is_open else "it is solved"
    return f"Ticket #{ticket.number} says the same, by {who}; {state}. Triage never merges tickets."
