"""Set up promises, and keep the clocks of a ticket in step with its event log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import NotFound
from helpdesk.events.record import record
from helpdesk.models import sla as tables
from helpdesk.models.tickets import Ticket
from helpdesk.sla.announcing import announce
from helpdesk.sla.calendar import Calendar
from helpdesk.sla.clock import Clock, evaluate
from helpdesk.sla.ledger import Ledger, calendar_of, read_ledgers, split_key
from helpdesk.sla.policies import Conditions, choose
from helpdesk.sla.policy import Policy
from helpdesk.sla.queries import current_policy, facts_of, policies_in_order


class CalendarNotFound(NotFound):
    """There is no such calendar."""


async def create_calendar(
    session: AsyncSession, *, organization_id: UUID, name: str, definition: Mapping[str, Any], now: datetime
) -> tables.Calendar:
    """Store business hours under a name.

    Raises:
        InvalidCalendar: the hours cannot be read.
        CalendarNeverOpen: they never open within five years.
    """
    Calendar.from_json(definition, where=name).ensure_opens(now)
    calendar = tables.Calendar(id=new_id(), organization_id=organization_id, name=name)
    session.add(calendar)
    await session.flush()
    session.add(
        tables.CalendarVersion(
            organization_id=organization_id,
            calendar_id=calendar.id,
            number=1,
            timezone=definition["timezone"],
            always_open=definition.get("always_open", False),
            weekly=definition.get("weekly", {}),
            exceptions=definition.get("exceptions", {}),
            epoch_at=now.replace(hour=0, minute=0, second=0, microsecond=0),
        )
    )
    await session.flush()
    return calendar


async def create_policy(
    session: AsyncSession,
    *,
    organization_id: UUID,
    name: str,
    position: int,
    calendar: str,
    targets: Mapping[str, Any],
    conditions: Mapping[str, Any] | None = None,
    is_default: bool = False,
    pause_on: Mapping[str, Any] | None = None,
    thresholds: Sequence[int] = (75, 90, 100),
) -> tables.Policy:
    """Store a policy; tickets fall under the first by position whose conditions hold.

    Raises:
        InvalidPolicy, InvalidCondition: a field is wrong; the sentence names it.
        CalendarNotFound: no calendar has that name.
    """
    rules = {"calendar": calendar, "targets": targets, "pause_on": pause_on or {}, "thresholds": list(thresholds)}
    Policy.from_json(rules, where=name)
    Conditions.from_json(conditions or {})
    calendar_id = await session.scalar(
        select(tables.Calendar.id).where(
            tables.Calendar.organization_id == organization_id, tables.Calendar.name == calendar
        )
    )
    if calendar_id is None:
        raise CalendarNotFound(f"There is no calendar named {calendar!r}.")
    policy = tables.Policy(
        id=new_id(),
        organization_id=organization_id,
        name=name,
        position=position,
        is_default=is_default,
        conditions=dict(conditions or {}),
    )
    session.add(policy)
    await session.flush()
    session.add(
        tables.PolicyVersion(
            organization_id=organization_id,
            policy_id=policy.id,
            number=1,
            calendar_id=calendar_id,
            targets=dict(targets),
            pause_on=dict(pause_on or {}),
            thresholds=sorted(set(thresholds)),
        )
    )
    await session.flush()
    return policy


async def choose_policy(session: AsyncSession, *, organization_id: UUID, ticket: Ticket) -> str | None:
    """Return the key of the policy a ticket falls under, None when there is none for it."""
    candidates = await policies_in_order(session, organization_id=organization_id)
    if not candidates:
        return None
    return choose(candidates, await facts_of(session, ticket=ticket))


async def reconsider_policy(session: AsyncSession, *, organization_id: UUID, ticket: Ticket, now: datetime) -> None:
    """Move a ticket to the policy its fields now call for, then bring its clocks in step."""
    chosen = await choose_policy(session, organization_id=organization_id, ticket=ticket)
    current = await current_policy(session, organization_id=organization_id, ticket_id=ticket.id)
    if chosen != current:
        await record(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            kind="sla.policy_changed",
            now=now,
            data={"from": current, "to": chosen},
        )
    await refresh_clocks(session, organization_id=organization_id, ticket_id=ticket.id, now=now)


async def refresh_clocks(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, now: datetime
) -> list[tables.Clock]:
    """Compute a ticket's clocks from its log, store them, and tell the levels they have risen to.

    The caller holds the lock on the ticket's row.
    """
    ledgers = await read_ledgers(session, organization_id=organization_id, ticket_ids=[ticket_id])
    if ticket_id not in ledgers:
        return []
    clocks = await store_clocks(
        session, organization_id=organization_id, ticket_id=ticket_id, ledger=ledgers[ticket_id], now=now
    )
    await announce(session, clocks, now=now)
    return clocks


async def store_clocks(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, ledger: Ledger, now: datetime
) -> list[tables.Clock]:
    """Store what a ledger says of a ticket's clocks, telling nobody, and return the rows."""
    computed = evaluate(ledger.events, ledger.policies, ledger.calendars, as_of=now)
    stored = await session.scalars(
        select(tables.Clock).where(tables.Clock.organization_id == organization_id, tables.Clock.ticket_id == ticket_id)
    )
    rows = {(row.metric, row.instance): row for row in stored}
    result = []
    for clock in computed:
        row = rows.get((clock.metric, clock.instance))
        if row is None:
            row = tables.Clock(
                id=new_id(),
                organization_id=organization_id,
                ticket_id=ticket_id,
                metric=clock.metric,
                instance=clock.instance,
                level=0,
                target_version=1,
            )
            session.add(row)
        await _write(session, row, clock, now=now)
        result.append(row)
    await session.flush()
    return result


async def _write(session: AsyncSession, row: tables.Clock, clock: Clock, *, now: datetime) -> None:
    row.policy_version_id, row.calendar_version_id = split_key(clock.policy)
    row.start_at, row.target_s = clock.start_at, clock.target_s
    row.state, row.outcome = clock.state, clock.outcome
    row.breached, row.breached_at = clock.breached, clock.breached_at
    row.due_at, row.warn_75_at, row.warn_90_at = clock.due_at, clock.warn_75_at, clock.warn_90_at
    row.warnings = {str(warn.level): warn.at.isoformat() if warn.at else None for warn in clock.warnings}
    row.next_threshold_at, row.next_level = clock.next_threshold_at, clock.next_level
    row.level, row.target_version = clock.level, clock.target_version
    row.elapsed_s = clock.elapsed_s
    row.remaining_s = clock.remaining_s - clock.overdue_s
    row.stopped_at = clock.stopped_at
    row.updated_at = now
    if clock.due_at is not None and clock.stopped_at is None:
        row.due_open_s = await _open_seconds(session, row.calendar_version_id, clock.due_at)
    else:
        row.due_open_s = None


async def _open_seconds(session: AsyncSession, calendar_version_id: UUID, at: datetime) -> int:
    """Count the open seconds from a calendar version's epoch to a time, negative before it."""
    calendar, epoch_at = await calendar_of(session, calendar_version_id)
    if at >= epoch_at:
        return calendar.open_seconds(epoch_at, at)
    return -calendar.open_seconds(at, epoch_at)
