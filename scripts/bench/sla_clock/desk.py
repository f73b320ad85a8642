"""Fill a help desk with open tickets whose stored clocks are what their logs say, a million of them in minutes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from helpdesk.database.base import new_id
from helpdesk.models.values import TicketPriority
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.clock import Clock, Event, EventType, Policy, evaluate

HOURS = {
    "timezone": "Europe/Vienna",
    "weekly": {day: [["08:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}
TARGETS = {"normal": {"first_response": 240, "resolution": 960}}
_DAYS = 6
_QUIET = timedelta(hours=3)
_FEW = 60

_FURNISH = """
    WITH organization AS (
        INSERT INTO organizations (id, slug, name) SELECT $1::uuid, 'bench-' || $1::uuid, 'Bench'),
    calendar AS (
        INSERT INTO sla_calendars (id, organization_id, name) VALUES ($2, $1, 'office')),
    hours AS (
        INSERT INTO sla_calendar_versions (id, organization_id, calendar_id, number, timezone, weekly, epoch_at)
        VALUES ($2, $1, $2, 1, $3, $4::jsonb, $5)),
    counted AS (
        INSERT INTO sla_calendar_now (calendar_version_id, organization_id, open_s, as_of) VALUES ($2, $1, 0, $5)),
    policy AS (
        INSERT INTO sla_policies (id, organization_id, name, position, is_default) VALUES ($6, $1, 'standard', 1, true))
    INSERT INTO sla_policy_versions (id, organization_id, policy_id, number, calendar_id, targets)
    VALUES ($6, $1, $6, 1, $2, $7::jsonb)
"""
_KINDS = """
    CREATE TEMPORARY TABLE kinds (kind int, opened_at timestamptz, metric text, target_s bigint, state text,
        due_at timestamptz, warn_75_at timestamptz, warn_90_at timestamptz, next_threshold_at timestamptz,
        next_level int, level int, due_open_s bigint, elapsed_s bigint, remaining_s bigint, breached boolean,
        breached_at timestamptz, as_of timestamptz)
"""
# Ids rise, as the product's do. $1 organisation, $2 the first number, $3 how many, $4 the kinds from, $5 how many kinds
_TICKETS = """
    WITH first AS (SELECT DISTINCT kind, opened_at FROM kinds WHERE kind >= $4 AND kind < $4 + $5)
    INSERT INTO tickets (id, organization_id, number, subject, status, priority, created_at, updated_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, $1, n, 'VPN drops', 'open', 'normal', opened_at, opened_at
      FROM generate_series($2::int, $2 + $3 - 1) AS n JOIN first ON kind = $4 + n % $5
"""
_EVENTS = """
    INSERT INTO ticket_events (id, organization_id, ticket_id, kind, occurred_at, actor_kind, data)
    SELECT id, organization_id, id, 'ticket.opened', created_at, 'customer',
           jsonb_build_object('priority', priority, 'policy', $3::text, 'number', number, 'channel', 'api')
      FROM tickets WHERE number >= $1 AND number < $1 + $2
"""
_CLOCKS = """
    INSERT INTO sla_clocks (id, organization_id, ticket_id, metric, policy_version_id, calendar_version_id, start_at,
           target_s, state, due_at, warn_75_at, warn_90_at, next_threshold_at, next_level, level, due_open_s, elapsed_s,
           remaining_s, breached, breached_at, updated_at)
    SELECT lpad(to_hex(2 * n + (metric = 'resolution')::int), 32, '0')::uuid, $1,
           lpad(to_hex(n), 32, '0')::uuid, metric, $7, $6, opened_at, target_s, state, due_at, warn_75_at, warn_90_at,
           next_threshold_at, next_level, level, due_open_s, elapsed_s, remaining_s, breached, breached_at, as_of
      FROM generate_series($2::int, $2 + $3 - 1) AS n JOIN kinds ON kind = $4 + n % $5
"""
_SHOWN = (
    "metric",
    "target_s",
    "state",
    "due_at",
    "warn_75_at",
    "warn_90_at",
    "next_threshold_at",
    "next_level",
    "level",
)


@dataclass
class Desk:
    """One organisation of the measurement.

    Attributes:
        raw: a connection that nothing is kept from.
        quiet, crossing: how many kinds of tickets there are that nothing happens to, and that cross 75, 90 and 100 %.
    """

    raw: asyncpg.Connection
    organization_id: UUID
    calendar_id: UUID
    policy_id: UUID
    quiet: int
    crossing: int
    tickets: int = 0

    async def add(self, count: int, *, crossing: bool) -> None:
        """Open tickets, each with its log and a clock for the first response and for the resolution."""
        first, kinds = (self.quiet, self.crossing) if crossing else (0, self.quiet)
        start, self.tickets = self.tickets + 1, self.tickets + count
        places = (self.organization_id, start, count, first, kinds)
        async with self.raw.transaction():
            # The rows are right by themselves; to have each looked up would take most of the time.
            await self.raw.execute("SET LOCAL session_replication_role = replica")
            await self.raw.execute(_TICKETS, *places, timeout=1800)
            await self.raw.execute(_EVENTS, start, count, f"{self.policy_id}:{self.calendar_id}", timeout=1800)
            await self.raw.execute(_CLOCKS, *places, self.calendar_id, self.policy_id, timeout=1800)


async def furnish(raw: asyncpg.Connection, *, now: datetime) -> Desk:
    """Make an organisation, and work out what kinds of tickets it can have at this time."""
    organization_id, calendar_id, policy_id = new_id(), new_id(), new_id()
    epoch_at = now.replace(microsecond=0) - timedelta(days=30)
    weekly, targets = json.dumps(HOURS["weekly"]), json.dumps(TARGETS)
    places = (organization_id, calendar_id, HOURS["timezone"], weekly, epoch_at, policy_id, targets)
    await raw.execute(_FURNISH, *places)
    calendar = Calendar.from_json(HOURS)
    quiet, crossing = _kinds(calendar, epoch_at, now)
    await raw.execute(_KINDS)
    rows = [(number, *row) for number, kind in enumerate([*quiet, *crossing]) for row in kind]
    await raw.copy_records_to_table("kinds", records=rows)
    return Desk(raw, organization_id, calendar_id, policy_id, len(quiet), len(crossing))


async def add_organizations(raw: asyncpg.Connection, count: int, *, now: datetime) -> None:
    """Make further organisations with hours of their own, each of which a running clock counts by."""
    epoch_at = now.replace(microsecond=0) - timedelta(days=30)
    for number in range(count):
        id_ = uuid5(UUID(int=0), str(number))
        # No two are alike: what one has worked out is of no use to another.
        weekly = {day: [[f"{6 + number % 4:02}:{number // 4 % 60:02}", "17:30"]] for day in ("mon", "tue", "wed")}
        places = (id_, id_, "America/New_York", json.dumps(weekly), epoch_at, id_, json.dumps(TARGETS))
        await raw.execute(_FURNISH, *places)


def _kinds(calendar: Calendar, epoch_at: datetime, now: datetime) -> tuple[list[Any], list[Any]]:
    quiet = list(islice(_quiet(calendar, epoch_at, now), 1000))
    levels: dict[int, list[Any]] = {75: [], 90: [], 100: []}
    for opened_at in _openings(now):
        level = _clocks(calendar, opened_at, now)[0].level
        if level in levels and len(levels[level]) < _FEW:
            # As it was stored when it was opened: nobody has looked at it since.
            levels[level].append(_rows(calendar, epoch_at, _clocks(calendar, opened_at, opened_at), opened_at))
    fewest = min(map(len, levels.values()))
    return quiet, [kind for group in zip(*(kinds[:fewest] for kinds in levels.values()), strict=True) for kind in group]


def _quiet(calendar: Calendar, epoch_at: datetime, now: datetime) -> Iterator[Any]:
    for opened_at in _openings(now):
        clocks = _clocks(calendar, opened_at, now)
        if all(clock.next_threshold_at is None or clock.next_threshold_at > now + _QUIET for clock in clocks):
            yield _rows(calendar, epoch_at, clocks, now)


def _openings(now: datetime) -> Iterator[datetime]:
    start = now.replace(second=0, microsecond=0)
    return (start - timedelta(minutes=minute) for minute in range(1, _DAYS * 24 * 60))


def _clocks(calendar: Calendar, opened_at: datetime, as_of: datetime) -> list[Clock]:
    policy = Policy.from_json({"calendar": "office", "targets": TARGETS})
    log = [Event(opened_at, EventType.CREATED, priority=TicketPriority.NORMAL, policy="standard")]
    return evaluate(log, {"standard": policy}, {"office": calendar}, as_of=as_of)


def _rows(calendar: Calendar, epoch_at: datetime, clocks: list[Clock], as_of: datetime) -> list[tuple[Any, ...]]:
    return [
        (
            clock.start_at,
            *(getattr(clock, name) for name in _SHOWN),
            calendar.open_seconds(epoch_at, clock.due_at) if clock.due_at else None,
            clock.elapsed_s,
            clock.remaining_s - clock.overdue_s,
            clock.breached,
            clock.breached_at,
            as_of,
        )
        for clock in clocks
    ]
