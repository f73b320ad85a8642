"""The SLA clocks of a ticket, computed from its event log, its policies and their calendars, and from nothing else.

Where the words of a promise leave room, this is how they are kept:

- A clock exists while its ticket waits for something and a target is in force for it. Without a policy, or with a
  policy that has no target for the priority and metric, none starts. A running or paused clock that loses its
  target is cancelled (breached, if it was late by then); when a target comes back while the ticket still waits, the
  same clock goes on, measured over its whole life.
- A clock that gets its target late starts where it would have started: at creation, or at the oldest message that
  waits for an answer. What was answered or solved before a target came gets no clock for it.
- A customer's message on a solved ticket starts nothing, unless the ticket is opened again at the same instant.
  Solving settles what had not been answered; after reopening the next message starts a new instance.
- An agent who opens a ticket has spoken first: there is no first response, and the customer's next message starts a
  next response.
- A clock that stands still is judged by the last instant at which it ran, and shows no due time even if breached.
- A ticket's time to own ends when it first comes to a person; giving it back or on changes nothing. Solving cancels
  it, reopening takes it up again unless it was assigned in between. A ticket that an agent opened has one too.
- Every public word from an agent, their opening of the ticket too, fulfils one periodic update and starts the next;
  reopening starts one if an agent has ever spoken. Several words of one instant are one.
- Merging or deleting cancels every clock for good.
- A new version of a policy or calendar enters the log as a `policy` event that names the policy's new key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.history import Event, EventType, InvalidHistory, Ticket
from helpdesk.sla.rules.policy import Metric, Policy
from helpdesk.sla.rules.reading import Clock, Outcome, Pause, Warn, read
from helpdesk.sla.rules.stopwatch import Notification, Stopwatch, Terms

__all__ = ["Clock", "Event", "EventType", "Metric", "Notification", "Outcome", "Pause", "Policy", "Warn", "evaluate"]

_RETARGETING = frozenset({EventType.PRIORITY, EventType.POLICY})


def evaluate(
    events: Iterable[Event],
    policies: Mapping[str, Policy],
    calendars: Mapping[str, Calendar],
    *,
    as_of: datetime,
) -> list[Clock]:
    """Compute every clock of a ticket as it stands at `as_of`, ordered by metric and instance.

    Events after `as_of` are left out; those of one instant apply in the order given, before any threshold of it.

    Raises:
        InvalidHistory: the log cannot be one of a ticket, or names a policy that is not given.
        CalendarNeverOpen: a due time cannot be reached within five years.
    """
    past = sorted((event for event in events if event.at <= as_of), key=attrgetter("at"))
    if not past:
        return []
    replay = _Replay(past[0], policies, calendars)
    for at, group in groupby(past, key=attrgetter("at")):
        replay.advance(at, group)
    replay.advance(as_of, ())
    clocks = [read(stopwatch, replay.ticket.statuses, as_of=as_of) for stopwatch in replay.stopwatches]
    return sorted(clocks, key=attrgetter("metric", "instance"))


class _Replay:
    """A ticket and its clocks while the log is read."""

    def __init__(self, created: Event, policies: Mapping[str, Policy], calendars: Mapping[str, Calendar]) -> None:
        self.ticket = Ticket.created(created)
        self.stopwatches: list[Stopwatch] = []
        self._created = created
        self._current: dict[Metric, Stopwatch] = {}
        self._policies = policies
        self._calendars = calendars
        # Those that the ticket's policies so far have targets for: seldom all.
        self._metrics: frozenset[Metric] = frozenset()

    def advance(self, at: datetime, events: Iterable[Event]) -> None:
        """Run the clocks up to `at`, apply its events in order, then tell the levels of that instant."""
        for stopwatch in self.stopwatches:
            stopwatch.announce_before(at)
        for event in events:
            if event is not self._created:
                self.ticket.apply(event)
            if event.policy is not None:
                self._metrics |= self._policy(event.policy).metrics
            for metric in self._metrics:
                self._settle(metric, event)
        for stopwatch in self.stopwatches:
            stopwatch.announce(at)

    def _settle(self, metric: Metric, event: Event) -> None:
        """Bring the metric's clock in line with what the ticket waits for after an event."""
        since = self.ticket.waits_since(metric)
        clock = self._current.get(metric)
        waits_on = clock is not None and clock.ended_at is None and clock.start_at == since
        if clock is not None and waits_on and event.type not in _RETARGETING:
            if event.type is EventType.STATUS:
                clock.turn(self.ticket.statuses[-1])
            return
        terms = self._terms(metric) if since is not None else None
        if clock is not None and clock.ended_at is None and (terms is None or not waits_on):
            clock.end(event)
        if since is None and metric is Metric.NEXT_RESPONSE:
            self._current.pop(metric, None)
        if since is None or terms is None:
            return
        if clock is None or clock.start_at != since:
            self._begin(metric, since, terms)
        else:
            clock.recompute(event, terms, self.ticket.statuses)

    def _begin(self, metric: Metric, since: datetime, terms: Terms) -> None:
        instance = 1 + sum(stopwatch.metric is metric for stopwatch in self.stopwatches)
        clock = Stopwatch.begin(metric, instance, start_at=since, terms=terms, statuses=self.ticket.statuses)
        self._current[metric] = clock
        self.stopwatches.append(clock)

    def _terms(self, metric: Metric) -> Terms | None:
        key = self.ticket.policy
        if key is None:
            return None
        policy = self._policy(key)
        priority = self.ticket.priority
        target_s = policy.target_s(metric, priority)
        return None if target_s is None else Terms(key, policy, self._calendars[policy.calendar], priority, target_s)

    def _policy(self, key: str) -> Policy:
        policy = self._policies.get(key)
        if policy is None or policy.calendar not in self._calendars:
            raise InvalidHistory(f"The log names the policy {key!r}, which is not given with its calendar.")
        return policy
