"""Store what logs say of clocks: few statements however many tickets, and none for what has not changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from helpdesk.database.base import new_id
from helpdesk.models import sla as tables
from helpdesk.models.values import ClockState
from helpdesk.sla.clocks.ledger import Ledger, calendar_of, split_key
from helpdesk.sla.clocks.time_left import open_until
from helpdesk.sla.rules.clock import Clock, Outcome, evaluate

_SECOND = timedelta(seconds=1)

# These follow from the log and the time alone.
REPLAYED = (
    "policy_version_id",
    "calendar_version_id",
    "start_at",
    "target_s",
    "state",
    "outcome",
    "breached",
    "breached_at",
    "due_at",
    "warn_75_at",
    "warn_90_at",
    "warnings",
    "next_threshold_at",
    "next_level",
    "level",
    "target_version",
    "told_version",
    "due_open_s",
    "stopped_at",
)
# A change of one of these leaves what was predicted of the clock without ground.
_PREDICTED_BY = ("due_at", "target_s")
# These grow with each second that the clock runs: alone they are no reason to write.
GROWING = ("elapsed_s", "remaining_s")
_WRITTEN = (*REPLAYED, *GROWING, "detected_at", "failing_since", "predict_again_at", "updated_at")
_MADE = ("id", "organization_id", "ticket_id", "metric", "instance", *_WRITTEN)

# A calendar version that a running clock counts by is from then on brought up to date by every tick. Looked for first:
# to run into the row would mean to wait for a tick that is just writing it. In one order, so that two who count by the
# same new calendars wait for each other instead of both for ever.
_COUNTED = """
    WITH counted AS (
        INSERT INTO sla_calendar_now (calendar_version_id, organization_id, open_s, as_of)
        SELECT new.calendar_version_id, new.organization_id, new.open_s, new.as_of
          FROM json_populate_recordset(NULL::sla_calendar_now, CAST(CAST(:counted AS text) AS json)) AS new
         WHERE NOT EXISTS (SELECT 1 FROM sla_calendar_now n WHERE n.calendar_version_id = new.calendar_version_id)
         ORDER BY new.calendar_version_id
        ON CONFLICT DO NOTHING)
"""
# One statement for all rows; their types are the table's own.
_ROWS = "json_populate_recordset(NULL::sla_clocks, CAST(CAST(:rows AS text) AS json)) AS new"
_INSERT = text(
    f"{_COUNTED} INSERT INTO sla_clocks ({', '.join(_MADE)}) "  # noqa: S608 (names of columns)
    f"SELECT {', '.join('new.' + name for name in _MADE)} FROM {_ROWS}"
)
_UPDATE = text(
    f"{_COUNTED} UPDATE sla_clocks AS clock "  # noqa: S608 (names of columns)
    f"SET ({', '.join(_WRITTEN)}) = ROW ({', '.join('new.' + name for name in _WRITTEN)}) "
    f"FROM {_ROWS} WHERE clock.id = new.id AND clock.organization_id = :organization_id"
)


@dataclass(frozen=True)
class Replayed:
    """A ticket's clocks as its log has them at an instant."""

    clocks: list[Clock]
    as_of: datetime


def replay(ledger: Ledger, *, now: datetime) -> Replayed:
    """Compute the clocks of a ledger as they are now, or at its last entry, when that was written by a faster clock.

    Whoever waited for the ticket's lock may come with an earlier `now` than the entry that was made meanwhile.

    Raises:
        InvalidHistory, CalendarNeverOpen: see `evaluate`.
    """
    as_of = max(now, *(event.at for event in ledger.events[-1:]))
    return Replayed(evaluate(ledger.events, ledger.policies, ledger.calendars, as_of=as_of), as_of)


async def store_many(
    session: AsyncSession, *, organization_id: UUID, ledgers: Mapping[UUID, Ledger], now: datetime
) -> dict[UUID, list[tables.Clock]]:
    """Store what ledgers say of the clocks of several tickets, telling nobody, and return the rows by ticket.

    The caller holds the locks on the tickets' rows.

    Raises:
        InvalidHistory, CalendarNeverOpen: one of the tickets cannot be computed; nothing is stored.
    """
    replayed = {ticket_id: replay(ledger, now=now) for ticket_id, ledger in ledgers.items()}
    return await write_many(session, organization_id=organization_id, replayed=replayed)


async def write_many(
    session: AsyncSession, *, organization_id: UUID, replayed: Mapping[UUID, Replayed], even_if_equal: bool = False
) -> dict[UUID, list[tables.Clock]]:
    """Write the clocks of several tickets where they differ from those stored, and return the rows by ticket.

    Args:
        even_if_equal: write each of them, since columns that are not compared here may be wrong.
    """
    stored = await stored_clocks(session, organization_id=organization_id, ticket_ids=replayed)
    made: list[tables.Clock] = []
    changed: list[tables.Clock] = []
    rows: dict[UUID, list[tables.Clock]] = {}
    for ticket_id, found in replayed.items():
        known = {(row.metric, row.instance): row for row in stored.get(ticket_id, ())}
        rows[ticket_id] = []
        for clock in found.clocks:
            row = known.pop((clock.metric, clock.instance), None)
            new = await columns_of(session, clock)
            if row is None:
                row = _made(organization_id, ticket_id, clock, new, found.as_of)
                made.append(row)
            elif even_if_equal or row.failing_since is not None or _differs(row, new):
                _change(row, new, clock, found.as_of)
                changed.append(row)
            rows[ticket_id].append(row)
        changed += [_withdraw(row, found.as_of) for row in known.values() if is_open(row)]
    await _write(session, _INSERT, _MADE, made, organization_id)
    await _write(session, _UPDATE, ("id", *_WRITTEN), changed, organization_id)
    return rows


async def stored_clocks(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Iterable[UUID]
) -> dict[UUID, list[tables.Clock]]:
    """Return the clocks that are stored for some tickets, by ticket."""
    await session.flush()
    query = (
        select(tables.Clock)
        .where(tables.Clock.organization_id == organization_id, tables.Clock.ticket_id.in_(list(ticket_ids)))
        .execution_options(populate_existing=True)
    )
    stored: dict[UUID, list[tables.Clock]] = {}
    for row in await session.scalars(query):
        stored.setdefault(row.ticket_id, []).append(row)
    return stored


def is_open(row: tables.Clock) -> bool:
    """Tell whether a clock has not ended."""
    return row.state in {ClockState.RUNNING, ClockState.PAUSED}


async def columns_of(session: AsyncSession, clock: Clock) -> dict[str, Any]:
    """Return what the columns of a clock hold that follow from its log and the time."""
    policy_version_id, calendar_version_id = split_key(clock.policy)
    return {
        "policy_version_id": policy_version_id,
        "calendar_version_id": calendar_version_id,
        "start_at": clock.start_at,
        "target_s": clock.target_s,
        "state": clock.state,
        "outcome": clock.outcome,
        "breached": clock.breached,
        "breached_at": clock.breached_at,
        "due_at": clock.due_at,
        "warn_75_at": clock.warn_75_at,
        "warn_90_at": clock.warn_90_at,
        "warnings": {str(warn.level): warn.at.isoformat() if warn.at else None for warn in clock.warnings},
        "next_threshold_at": clock.next_threshold_at,
        "next_level": clock.next_level,
        "level": clock.level,
        "target_version": clock.target_version,
        "told_version": clock.told.target_version if clock.told else 0,
        "due_open_s": await _due_open_s(session, calendar_version_id, clock),
        "stopped_at": clock.stopped_at,
        "elapsed_s": clock.elapsed_s,
        "remaining_s": clock.remaining_s - clock.overdue_s,
    }


async def _due_open_s(session: AsyncSession, calendar_version_id: UUID, clock: Clock) -> int | None:
    """Return the calendar's count of open seconds at which the target of a running clock is used up.

    That is the count at `due_at`, unless a pause came after it: what was not counted then is not overdue now. Rounded
    up, so that less a whole number of seconds it is what is left, also rounded up.
    """
    if clock.state is not ClockState.RUNNING or clock.running_since is None:
        return None
    calendar, epoch_at = await calendar_of(session, calendar_version_id)
    used = sum((spell.open for spell in clock.spells), timedelta())
    return -(
        -(open_until(calendar, epoch_at, clock.running_since) + timedelta(seconds=clock.target_s) - used) // _SECOND
    )


def _differs(row: tables.Clock, new: dict[str, Any]) -> bool:
    return any(getattr(row, name) != new[name] for name in REPLAYED)


def _made(organization_id: UUID, ticket_id: UUID, clock: Clock, new: dict[str, Any], as_of: datetime) -> tables.Clock:
    names = {"organization_id": organization_id, "ticket_id": ticket_id, "metric": clock.metric}
    times = {"updated_at": as_of, "predict_again_at": as_of, "detected_at": as_of if _is_late(clock) else None}
    return tables.Clock(id=new_id(), instance=clock.instance, **names, **times, **new)


def _change(row: tables.Clock, new: dict[str, Any], clock: Clock, as_of: datetime) -> None:
    detected_at = row.detected_at or (as_of if _is_late(clock) else None)
    moved = clock.state is ClockState.RUNNING and any(getattr(row, name) != new[name] for name in _PREDICTED_BY)
    again_at = min(row.predict_again_at, as_of) if moved else row.predict_again_at
    _set(row, **new, detected_at=detected_at, failing_since=None, predict_again_at=again_at, updated_at=as_of)


def _is_late(clock: Clock) -> bool:
    return clock.breached and clock.state is ClockState.RUNNING


def _withdraw(row: tables.Clock, as_of: datetime) -> tables.Clock:
    """End a clock that the log no longer has: an entry that was made late took the reason for it away."""
    gone = dict.fromkeys(("due_at", "next_threshold_at", "next_level", "due_open_s", "failing_since"))
    _set(row, **gone, state=ClockState.CANCELLED, outcome=Outcome.CANCELLED, stopped_at=as_of, updated_at=as_of)
    return row


def _set(row: tables.Clock, **values: Any) -> None:
    # The row is written with all others, and not once more by the session.
    for name, value in values.items():
        if getattr(row, name) != value:
            set_committed_value(row, name, value)


async def _write(
    session: AsyncSession, statement: Any, names: tuple[str, ...], rows: list[tables.Clock], organization_id: UUID
) -> None:
    if not rows:
        return
    counted = await _counted(session, rows)
    values = {"rows": _json([{name: getattr(row, name) for name in names} for row in rows]), "counted": _json(counted)}
    if statement is _UPDATE:
        values["organization_id"] = str(organization_id)
    await session.execute(statement, values)


async def _counted(session: AsyncSession, rows: list[tables.Clock]) -> list[dict[str, Any]]:
    """Return how long the calendars of running clocks have been open, for those that nobody counts yet."""
    running = {row.calendar_version_id: row for row in rows if row.state == ClockState.RUNNING}
    counted = []
    for version, row in running.items():
        if version is None:
            continue
        calendar, epoch_at = await calendar_of(session, version)
        as_of = row.updated_at.replace(microsecond=0)
        open_s = open_until(calendar, epoch_at, as_of) // _SECOND
        names = {"calendar_version_id": version, "organization_id": row.organization_id}
        counted.append(names | {"open_s": open_s, "as_of": as_of})
    return counted


def _json(values: list[dict[str, Any]]) -> str:
    return json.dumps(values, default=str)
