"""Clocks at given moments with all that was known of them then: the same for learning and for predicting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import ClockState
from helpdesk.sla.clocks.ledger import Ledger, sort_ledgers
from helpdesk.sla.prediction.desk import Desk
from helpdesk.sla.prediction.features import Features
from helpdesk.sla.prediction.hazard import next_step
from helpdesk.sla.prediction.ticket_facts import TicketFacts, facts_at
from helpdesk.sla.rules.calendar import Calendar, CalendarNeverOpen
from helpdesk.sla.rules.clock import Clock, evaluate
from helpdesk.sla.rules.history import InvalidHistory

# A prediction is made anew at the latest after this time, since the load of the desk changes too.
OLDEST = timedelta(days=1)
# And after this one while the clock is at risk.
AT_RISK = timedelta(minutes=15)
LIKELY = 0.5
MOSTLY_USED = 0.75
# Past it: a clock whose target has passed, whether that was told or not.
LATE = 1.0001
_HOUR_S = 3600

_ZONE = text("SELECT timezone FROM organizations WHERE id = :organization_id")


@dataclass(frozen=True)
class Seen:
    """A running clock at one moment.

    Attributes:
        calendar: what its time counts by.
        usual_backlog: open tickets of its team on the average day of the four weeks before; 0 where nobody asked.
    """

    ticket_id: UUID
    metric: str
    instance: int
    at: datetime
    elapsed_s: int
    target_s: int
    calendar: Calendar
    features: Features
    usual_backlog: float = 0.0

    @property
    def key(self) -> tuple[UUID, str, int]:
        """Return what names the clock."""
        return self.ticket_id, self.metric, self.instance


@dataclass(frozen=True)
class Logs:
    """What clocks at given moments are read from.

    Attributes:
        asked: (ticket, moment).
        facts: what was known of the ticket at each of these moments.
    """

    asked: Sequence[tuple[UUID, datetime]]
    facts: Sequence[TicketFacts | None]
    ledgers: Mapping[UUID, Ledger]


async def read_logs(session: AsyncSession, *, organization_id: UUID, asked: Sequence[tuple[UUID, datetime]]) -> Logs:
    """Read what tells how clocks of tickets stood at moments; tickets whose log cannot be read have no clocks."""
    tickets = sorted({ticket for ticket, _ in asked})
    ledgers, _ = await sort_ledgers(session, organization_id=organization_id, ticket_ids=tickets)
    return Logs(asked, await facts_at(session, organization_id=organization_id, asked=asked), ledgers)


async def zone_of(session: AsyncSession, *, organization_id: UUID) -> ZoneInfo:
    """Return the time zone of an organisation."""
    return ZoneInfo(await session.scalar(_ZONE, {"organization_id": organization_id}) or "UTC")


def see(logs: Logs, desk: Desk, zone: ZoneInfo, *, usual: bool = False) -> list[Seen]:
    """Return the clocks that ran at each moment.

    Args:
        usual: also look up the usual backlog, which takes a while.
    """
    found = []
    for (ticket_id, at), facts in zip(logs.asked, logs.facts, strict=True):
        ledger = logs.ledgers.get(ticket_id)
        if facts is None or ledger is None:
            continue
        backlog = desk.usual_backlog(team=facts.team, at=at) if usual else 0.0
        for clock in running_at(ledger, at):
            features = _features(clock, facts, desk, at, zone)
            calendar = ledger.calendars[clock.calendar]
            span = clock.elapsed_s, clock.target_s
            found.append(Seen(ticket_id, clock.metric, clock.instance, at, *span, calendar, features, backlog))
    return found


def running_at(ledger: Ledger, at: datetime) -> Iterable[Clock]:
    """Return the clocks of a ticket that ran at a moment, by what its log said until then."""
    try:
        clocks = evaluate(ledger.events, ledger.policies, ledger.calendars, as_of=at)
    except (InvalidHistory, CalendarNeverOpen):
        return []
    return [clock for clock in clocks if clock.state is ClockState.RUNNING and clock.start_at <= at]


def again_at(calendar: Calendar, now: datetime, elapsed_s: int, target_s: int) -> datetime:
    """Return when the clock reaches its next step, or a day later where that comes first."""
    latest = now + OLDEST
    step = next_step(elapsed_s / target_s)
    if step is None:
        return latest
    missing_s = max(1, ceil(target_s * step) - elapsed_s)
    return calendar.advance(now, missing_s) if calendar.open_seconds(now, latest) >= missing_s else latest


def predict_again_at(seen: Seen, probability: float) -> datetime:
    """Return when a prediction is out of date: soon while the clock is at risk, else at its next step."""
    at_risk = probability >= LIKELY or seen.features.used >= MOSTLY_USED
    step = again_at(seen.calendar, seen.at, seen.elapsed_s, seen.target_s)
    return min(step, seen.at + AT_RISK) if at_risk and seen.features.used <= 1 else step


def _features(clock: Clock, facts: TicketFacts, desk: Desk, at: datetime, zone: ZoneInfo) -> Features:
    local = at.astimezone(zone)
    load = desk.load(team=facts.team, agent=facts.assignee, at=at)
    usual = desk.past(clock.metric, "", "", at)
    category = desk.past(clock.metric, "category", facts.category, at)
    company = desk.past(clock.metric, "company", facts.company, at)
    used = clock.elapsed_s / clock.target_s
    return Features(
        metric=clock.metric,
        priority=facts.priority,
        used=max(used, LATE) if clock.breached else used,
        left_h=(clock.target_s - clock.elapsed_s) / _HOUR_S,
        age_h=(at - clock.start_at).total_seconds() / _HOUR_S,
        hour=local.hour + local.minute / 60,
        weekday=local.weekday(),
        type=facts.type,
        category=facts.category,
        team=facts.team,
        channel=facts.channel,
        assigned=bool(facts.assignee),
        replies=facts.replies,
        questions=facts.questions,
        notes=facts.notes,
        reopenings=facts.reopenings,
        handovers=facts.handovers,
        silent_h=(at - facts.said_at).total_seconds() / _HOUR_S,
        last_sender=facts.last_sender,
        backlog=load.backlog,
        agent_backlog=load.agent_backlog,
        inflow=load.inflow,
        outflow=load.outflow,
        desk_breaches=usual.share,
        category_breaches=category.share,
        company_breaches=company.share,
        category_cases=category.cases,
        company_cases=company.cases,
    )
