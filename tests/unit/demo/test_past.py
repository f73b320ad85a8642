from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from helpdesk.demo.past import past_ticket
from helpdesk.models.values import AuthorKind, MessageVisibility, TicketPriority, TicketStatus

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")
ENTRY: dict[str, Any] = {
    "key": "h1",
    "subject": "Printer jams",
    "requester": "a@x.example",
    "category": "printing",
    "priority": "high",
    "type": "incident",
    "team": "workplace",
    "assignee": "b@x.example",
    "tags": ["jam", 41],
    "days_ago": 10,
    "opened_at": "09:00",
    "body": "It jams.\n",
    "messages": [
        {"after_minutes": 20, "by": "agent", "public": True, "body": "Open tray 2.\n"},
        {"after_minutes": 90, "by": "customer", "public": True, "body": "Jams again.\n"},
        {"after_minutes": 95, "by": "agent", "public": False, "body": "Roller worn.\n"},
    ],
    "solved_after_minutes": 120,
    "status": "closed",
    "resolution": "New roller.",
}


def _past(**changes: Any) -> Any:
    ids = {"a@x.example": uuid4(), "b@x.example": uuid4()}
    return past_ticket(ENTRY | changes, users=ids, contacts=ids, zone=VIENNA, now=NOW)


def test_a_closed_ticket_was_opened_in_local_time_days_ago() -> None:
    assert _past().opened_at == datetime(2026, 11, 12, 8, 0, tzinfo=UTC)


def test_it_was_solved_and_closed_three_days_later() -> None:
    solved, closed = _past().moves
    assert (solved.to, closed.to) == (TicketStatus.SOLVED, TicketStatus.CLOSED)
    assert closed.at - solved.at == timedelta(days=3)


def test_a_ticket_of_yesterday_is_not_closed_in_the_future() -> None:
    assert _past(days_ago=1).moves[-1].at == NOW


def test_a_reopened_ticket_was_solved_once_before() -> None:
    moves = _past(reopened=True).moves
    assert [move.to for move in moves] == [TicketStatus.SOLVED, TicketStatus.SOLVED, TicketStatus.CLOSED]
    assert moves[0].at < _past().messages[1].at + timedelta(0)


def test_internal_notes_stay_internal() -> None:
    messages = _past().messages
    assert [message.visibility for message in messages] == [
        MessageVisibility.PUBLIC,
        MessageVisibility.PUBLIC,
        MessageVisibility.INTERNAL,
    ]
    assert [message.actor.kind for message in messages] == [AuthorKind.AGENT, AuthorKind.CUSTOMER, AuthorKind.AGENT]


def test_a_corrected_priority_is_kept_as_the_first_one() -> None:
    assert _past().first_priority is None
    assert _past(initial_priority="low").first_priority is TicketPriority.LOW
