"""A ticket's event log as the clocks see it: what happened, and what it waits for after each event."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from helpdesk.errors import Invalid
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.sla.rules.policy import Metric

SOLVED: Final = frozenset({TicketStatus.SOLVED, TicketStatus.CLOSED})


class EventType(StrEnum):
    """What can happen to a ticket that moves a clock."""

    CREATED = "created"
    MESSAGE = "message"
    REPLY = "reply"
    STATUS = "status"
    PRIORITY = "priority"
    POLICY = "policy"
    ASSIGNED = "assigned"
    MERGED = "merged"
    DELETED = "deleted"


class InvalidHistory(Invalid):
    """The event log cannot be one of a ticket."""


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log; `at` is aware, and only the fields of its type are read.

    created: priority, policy, by, status (new when None); message, from the customer: public; reply, from the
    help desk: by, public; status: status; priority: priority; policy: policy, the key of a policy or None; assigned:
    assigned, whether a person has the ticket now.
    """

    at: datetime
    type: EventType
    priority: TicketPriority | None = None
    policy: str | None = None
    by: AuthorKind = AuthorKind.CUSTOMER
    public: bool = True
    status: TicketStatus | None = None
    assigned: bool = False


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The status a ticket took on."""

    at: datetime
    status: TicketStatus


@dataclass
class Ticket:
    """Where a ticket stands after the events applied so far."""

    created_at: datetime
    priority: TicketPriority
    policy: str | None
    # The customer waits for a first word from a person: never so when an agent wrote first.
    unanswered: bool
    statuses: list[StatusChange]
    # The oldest public customer message since the last word from an agent.
    waiting_since: datetime | None = None
    # The last public word from an agent, or the reopening after it; an agent who opens a ticket has spoken.
    updated_at: datetime | None = None
    owned: bool = False
    gone: bool = False
    _knocked_at: datetime | None = field(default=None, repr=False)

    @classmethod
    def created(cls, event: Event) -> Ticket:
        """Begin with the first event of a log.

        Raises:
            InvalidHistory: the event is of another type, or lacks a priority.
        """
        if event.type is not EventType.CREATED or event.priority is None:
            raise InvalidHistory("The first event of a ticket must be `created` and carry a priority.")
        first = StatusChange(event.at, event.status or TicketStatus.NEW)
        by_agent = event.by is AuthorKind.AGENT
        updated_at = event.at if by_agent else None
        return cls(event.at, event.priority, event.policy, not by_agent, [first], updated_at=updated_at)

    @property
    def solved(self) -> bool:
        """Whether the ticket is solved or closed now."""
        return self.statuses[-1].status in SOLVED

    def waits_since(self, metric: Metric) -> datetime | None:
        """Return since when the ticket has waited for what the metric measures; None when it does not."""
        if self.gone or self.solved:
            return None
        match metric:
            case Metric.RESOLUTION:
                return self.created_at
            case Metric.FIRST_RESPONSE:
                return self.created_at if self.unanswered else None
            case Metric.NEXT_RESPONSE:
                return self.waiting_since
            case Metric.TIME_TO_OWN:
                return None if self.owned else self.created_at
            case Metric.PERIODIC_UPDATE:
                return self.updated_at
            case _:
                assert_never(metric)

    def apply(self, event: Event) -> None:
        """Take one more event, in log order.

        Raises:
            InvalidHistory: the event cannot follow, or lacks the field of its type.
        """
        match event.type:
            case EventType.CREATED:
                raise InvalidHistory("A ticket is created once.")
            case EventType.MESSAGE:
                self._hear(event)
            case EventType.REPLY:
                self._answer(event)
            case EventType.STATUS:
                self._move(event)
            case EventType.PRIORITY:
                if event.priority is None:
                    raise InvalidHistory("A `priority` event must carry a priority.")
                self.priority = event.priority
            case EventType.POLICY:
                self.policy = event.policy
            case EventType.ASSIGNED:
                self.owned = self.owned or event.assigned
            case EventType.MERGED | EventType.DELETED:
                self.gone = True
            case _:
                assert_never(event.type)

    def _hear(self, message: Event) -> None:
        if not message.public:
            return
        if self.solved:
            self._knocked_at = message.at
        elif not self.unanswered and self.waiting_since is None:
            self.waiting_since = message.at

    def _answer(self, reply: Event) -> None:
        if reply.public and reply.by is AuthorKind.AGENT:
            self.unanswered = False
            self.waiting_since = None
            self.updated_at = reply.at
            self._knocked_at = None

    def _move(self, event: Event) -> None:
        if event.status is None:
            raise InvalidHistory("A `status` event must carry a status.")
        was_solved = self.solved
        self.statuses.append(StatusChange(event.at, event.status))
        if self.solved:
            self.waiting_since = None
        elif was_solved:
            self._reopen(event.at)

    def _reopen(self, at: datetime) -> None:
        if self.updated_at is not None:
            self.updated_at = at
        if not self.unanswered and self._knocked_at == at:
            # The message of this very instant is the one that opened the ticket again.
            self.waiting_since = at
