"""Which status may follow which, and what an answer does to one."""

from __future__ import annotations

from helpdesk.errors import Conflict
from helpdesk.models.values import AuthorKind, TicketStatus

_AT_WORK = {TicketStatus.OPEN, TicketStatus.PENDING, TicketStatus.ON_HOLD, TicketStatus.SOLVED, TicketStatus.CLOSED}
_MOVES: dict[TicketStatus, set[TicketStatus]] = {
    TicketStatus.NEW: _AT_WORK,
    TicketStatus.OPEN: _AT_WORK,
    TicketStatus.PENDING: _AT_WORK,
    TicketStatus.ON_HOLD: _AT_WORK,
    TicketStatus.SOLVED: {TicketStatus.OPEN, TicketStatus.CLOSED},
    TicketStatus.CLOSED: set(),
}


class TicketClosed(Conflict):
    """The ticket is closed and takes no more changes."""


class TicketMerged(TicketClosed):
    """The ticket was merged into another one, which takes its messages and changes."""


class IllegalMove(Conflict):
    """The ticket cannot go to that status from where it stands."""


def check_move(current: TicketStatus, wanted: TicketStatus) -> None:
    """Let a legal move pass; a move to the status the ticket already has is legal.

    Raises:
        TicketClosed: the ticket is closed.
        IllegalMove: another status must come between.
    """
    if current is wanted:
        return
    if current is TicketStatus.CLOSED:
        raise TicketClosed
    if wanted not in _MOVES[current]:
        allowed = ", ".join(sorted(_MOVES[current]))
        raise IllegalMove(f"A ticket that is {current} can become {allowed}, not {wanted}.")


def is_settled(status: TicketStatus) -> bool:
    """Tell whether nobody is working on a ticket of this status any more."""
    return status in {TicketStatus.SOLVED, TicketStatus.CLOSED}


def status_after_message(current: TicketStatus, author: AuthorKind) -> TicketStatus:
    """Return the status a public message leaves: a customer wakes a ticket, an agent takes up a new one.

    Raises:
        TicketClosed: the ticket is closed.
    """
    if current is TicketStatus.CLOSED:
        raise TicketClosed
    if author is AuthorKind.CUSTOMER and current is not TicketStatus.NEW:
        return TicketStatus.OPEN
    if author is AuthorKind.AGENT and current is TicketStatus.NEW:
        return TicketStatus.OPEN
    return current
