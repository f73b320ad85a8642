"""How busy a desk was at any moment, and how its clocks had gone by then; from its log, which does not change."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.sla.prediction.hazard import PRIOR
from helpdesk.sla.prediction.ticket_facts import team_names

# A ticket that has been open for longer is on nobody's mind.
OPEN_FOR = timedelta(days=28)
# How clocks went before says little about how they go now.
PAST = timedelta(days=90)
# A category or company with fewer clocks is drawn towards the desk.
WEIGHT = 8.0
_DAY = timedelta(days=1)
_SETTLED = frozenset({"solved", "closed"})

# The log of recent tickets, as far as it says whose they were and whether they were open.
_LOG = text("""
    SELECT e.ticket_id, e.occurred_at, e.kind, e.data ->> 'to' AS moved_to, e.data ->> 'team' AS team,
           e.data ->> 'assignee' AS assignee
      FROM tickets t
      JOIN ticket_events e ON e.ticket_id = t.id AND e.organization_id = t.organization_id
     WHERE t.organization_id = :organization_id AND t.created_at >= :since AND t.created_at <= :until
       AND e.occurred_at <= :until
       AND e.kind IN ('ticket.opened', 'ticket.assigned', 'ticket.team_changed', 'ticket.status_changed')
     ORDER BY e.ticket_id, e.occurred_at, e.seq
""")
# A broken promise is known when it breaks, a kept one when it ends; the category is that of then.
_DECIDED = text("""
    SELECT c.metric, c.breached, c.decided_at, t.company_id,
           coalesce(CASE WHEN changed.kind = 'ticket.opened' THEN changed.data ->> 'category'
                         ELSE changed.data ->> 'to' END, '') AS category
      FROM (SELECT ticket_id, metric, breached, coalesce(breached_at, stopped_at) AS decided_at FROM sla_clocks
             WHERE organization_id = :organization_id AND breached AND breached_at BETWEEN :since AND :until
             UNION ALL
            SELECT ticket_id, metric, breached, stopped_at FROM sla_clocks
             WHERE organization_id = :organization_id AND outcome = 'met' AND NOT breached
               AND stopped_at BETWEEN :since AND :until) AS c
      JOIN tickets t ON t.id = c.ticket_id
      LEFT JOIN LATERAL (
           SELECT kind, data FROM ticket_events
            WHERE ticket_id = t.id AND occurred_at <= c.decided_at
              AND kind IN ('ticket.opened', 'ticket.category_changed')
            ORDER BY occurred_at DESC, seq DESC LIMIT 1) AS changed ON true
     ORDER BY c.decided_at
""")


@dataclass(frozen=True)
class Load:
    """How busy a team and an agent were."""

    backlog: int
    agent_backlog: int
    inflow: int
    outflow: int


@dataclass(frozen=True)
class Past:
    """How clocks went: the smoothed share that breached, or by how much it was above that of all, and of how many."""

    share: float
    cases: int


@dataclass(frozen=True)
class Decided:
    """A clock of which it was known from a time on whether it breached."""

    metric: str
    category: str
    company: str
    at: datetime
    breached: bool


@dataclass(frozen=True)
class Step:
    """How a ticket stood from a time on."""

    at: datetime
    team: str
    agent: str
    is_open: bool

    @property
    def holders(self) -> frozenset[str]:
        """Return on whose mind it is: the desk's, its team's, its agent's; nobody's when it is settled."""
        if not self.is_open:
            return frozenset()
        return frozenset({"", *_named("team", self.team), *_named("agent", self.agent)})


@dataclass
class _Flow:
    """When tickets came to somebody, when they left, and when they were solved; each in order."""

    came: list[datetime] = field(default_factory=list)
    left: list[datetime] = field(default_factory=list)
    solved: list[datetime] = field(default_factory=list)

    def open_at(self, at: datetime) -> int:
        return bisect_right(self.came, at) - bisect_right(self.left, at)


@dataclass
class _Decisions:
    """When clocks were decided, and how many of them had breached by then."""

    at: list[datetime] = field(default_factory=list)
    breached: list[int] = field(default_factory=lambda: [0])

    def add(self, at: datetime, breached: bool) -> None:
        self.at.append(at)
        self.breached.append(self.breached[-1] + breached)

    def counted(self, at: datetime) -> tuple[int, int]:
        """Return how many were decided before a time and not too long ago, and how many of them had breached."""
        first, last = bisect_left(self.at, at - PAST), bisect_left(self.at, at)
        return last - first, self.breached[last] - self.breached[first]


class Desk:
    """The log of a desk, to be asked about any moment that it covers."""

    def __init__(self, tickets: Iterable[Sequence[Step]], decided: Iterable[Decided]) -> None:
        self._flows: dict[str, _Flow] = defaultdict(_Flow)
        self._decisions: dict[tuple[str, str, str], _Decisions] = defaultdict(_Decisions)
        for steps in tickets:
            self._take_in(steps)
        for flow in self._flows.values():
            for times in (flow.came, flow.left, flow.solved):
                times.sort()
        for clock in sorted(decided, key=attrgetter("at")):
            for by, value in (("", ""), ("category", clock.category), ("company", clock.company)):
                if value or not by:
                    self._decisions[clock.metric, by, value].add(clock.at, clock.breached)

    def load(self, *, team: str, agent: str, at: datetime) -> Load:
        """Return how busy a team (empty: the desk) and an agent (empty: nobody) were."""
        flow = self._flow("team", team)
        return Load(
            backlog=flow.open_at(at),
            agent_backlog=self._flow("agent", agent).open_at(at) if agent else 0,
            inflow=bisect_right(flow.came, at) - bisect_right(flow.came, at - _DAY),
            outflow=bisect_right(flow.solved, at) - bisect_right(flow.solved, at - _DAY),
        )

    def usual_backlog(self, *, team: str, at: datetime) -> float:
        """Return the open tickets of a team (empty: the desk) on the average day of the last four weeks."""
        flow = self._flow("team", team)
        return sum(flow.open_at(at - days * _DAY) for days in range(1, OPEN_FOR.days + 1)) / OPEN_FOR.days

    def past(self, metric: str, by: str, value: str, at: datetime) -> Past:
        """Return how clocks of a metric went whose tickets had a `category` or `company`, less how all of them went.

        Args:
            by: `category`, `company`, or empty for all, whose share itself is returned.
        """
        cases, breached = self._counted(metric, "", "", at)
        usual = (breached + WEIGHT * PRIOR[0]) / (cases + WEIGHT)
        if not by:
            return Past(usual, cases)
        some, bad = self._counted(metric, by, value, at) if value else (0, 0)
        return Past((bad + WEIGHT * usual) / (some + WEIGHT) - usual, some)

    def _counted(self, metric: str, by: str, value: str, at: datetime) -> tuple[int, int]:
        found = self._decisions.get((metric, by, value))
        return found.counted(at) if found else (0, 0)

    def _flow(self, kind: str, name: str) -> _Flow:
        return self._flows.get("".join(_named(kind, name)), _NOBODY)

    def _take_in(self, steps: Sequence[Step]) -> None:
        """Take in the log of one ticket, from its opening on until it has been open for too long."""
        ends = steps[0].at + OPEN_FOR
        held: frozenset[str] = frozenset()
        for step in steps:
            if step.at >= ends:
                break
            holders = step.holders
            for name in holders - held:
                self._flows[name].came.append(step.at)
            for name in held - holders:
                self._flows[name].left.append(step.at)
                if not step.is_open:
                    self._flows[name].solved.append(step.at)
            held = holders
        for name in held:
            self._flows[name].left.append(ends)


_NOBODY = _Flow()


async def read_desk(session: AsyncSession, *, organization_id: UUID, first: datetime, last: datetime) -> Desk:
    """Read what answers questions about the moments from `first` to `last`; nothing later is read."""
    teams = await team_names(session, organization_id=organization_id)
    scope = {"organization_id": organization_id, "until": last}
    # The usual backlog of the first moment looks back as far again.
    rows = await session.execute(_LOG, scope | {"since": first - 2 * OPEN_FOR})
    tickets = [_steps(log, teams) for _, log in groupby(rows.all(), key=attrgetter("ticket_id"))]
    rows = await session.execute(_DECIDED, scope | {"since": first - PAST})
    decided = [
        Decided(row.metric, row.category, str(row.company_id or ""), row.decided_at, row.breached) for row in rows
    ]
    return Desk(tickets, decided)


def _steps(log: Iterable[Any], teams: Mapping[str, str]) -> list[Step]:
    """Return how a ticket stood after each entry of its log."""
    steps: list[Step] = []
    team = agent = ""
    is_open = True
    for entry in log:
        match entry.kind:
            case "ticket.opened":
                team = entry.team or ""
            case "ticket.assigned":
                team, agent = teams.get(entry.team or "", entry.team or ""), entry.assignee or ""
            case "ticket.team_changed":
                team = entry.moved_to or ""
            case _:
                is_open = entry.moved_to not in _SETTLED
        steps.append(Step(entry.occurred_at, team, agent, is_open))
    return steps


def _named(kind: str, name: str) -> tuple[str, ...]:
    return (f"{kind}:{name}",) if name else ()
