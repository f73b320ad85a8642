"""Show which open tickets a change of policies or business hours would touch, and how; nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.models import sla as tables
from helpdesk.models.values import ClockState
from helpdesk.sla.clocks.ledger import Ledger, read_ledgers, split_key
from helpdesk.sla.policies.hypotheses import Hypothesis
from helpdesk.sla.policies.subjects import Subject, count_open, open_subjects
from helpdesk.sla.rules.candidates import choose
from helpdesk.sla.rules.clock import Clock, Event, EventType, evaluate

MOST_LOOKED_AT: Final = 5000
MOST_LISTED: Final = 200
_CHUNK: Final = 200


@dataclass(frozen=True)
class Standing:
    """How a clock stands, as far as a change could touch it.

    Attributes:
        time_left_s: open seconds until it is due, negative when overdue.
    """

    policy: str
    state: ClockState
    target_s: int
    due_at: datetime | None
    breached: bool
    time_left_s: int


@dataclass(frozen=True)
class ClockChange:
    """A clock before and after; None where there is none."""

    ticket_id: UUID
    number: int
    metric: str
    instance: int
    before: Standing | None
    after: Standing | None


@dataclass
class Preview:
    """What a change would do.

    Attributes:
        open_tickets: how many there are.
        looked_at: of how many of them this speaks, the oldest ones.
        touched: tickets with a clock that would change, or that would come under a promise or lose it.
        newly_promised, newly_unpromised: tickets that would come under a policy, or under none.
        newly_breached, no_longer_breached: clocks.
        not_computed: tickets whose clocks cannot be computed after the change.
        changes: by ticket, up to a limit.
        truncated: whether there are more open tickets, or more changes, than these.
    """

    open_tickets: int
    looked_at: int = 0
    touched: int = 0
    newly_promised: int = 0
    newly_unpromised: int = 0
    newly_breached: int = 0
    no_longer_breached: int = 0
    not_computed: int = 0
    changes: list[ClockChange] = field(default_factory=list)
    truncated: bool = False


async def preview_change(
    session: AsyncSession,
    *,
    organization_id: UUID,
    hypothesis: Hypothesis,
    now: datetime,
    most: int = MOST_LOOKED_AT,
    listed: int = MOST_LISTED,
) -> Preview:
    """Compare the clocks of open tickets with what they would be if the hypothesis came true now.

    Args:
        session: best one that sees the database of one instant.
        most: of how many tickets.
        listed: how many changed clocks are listed; all are counted.
    """
    preview = Preview(await count_open(session, organization_id=organization_id))
    after: UUID | None = None
    while preview.looked_at < most:
        limit = min(_CHUNK, most - preview.looked_at)
        subjects = await open_subjects(session, organization_id=organization_id, after=after, limit=limit)
        if not subjects:
            break
        after = subjects[-1].id
        preview.looked_at += len(subjects)
        moves = [move for subject in subjects if (move := _move(subject, hypothesis)) is not None]
        if moves:
            ids = [move.subject.id for move in moves]
            ledgers = await read_ledgers(session, organization_id=organization_id, ticket_ids=ids)
            supposed = replace(hypothesis, names={**await _names(session, moves), **hypothesis.names})
            # Two histories of each ticket are replayed; other requests go on meanwhile.
            found = await asyncio.to_thread(_compare, moves, ledgers, supposed, now)
            for comparison in found:
                _count(preview, comparison, listed)
    preview.truncated |= preview.looked_at < preview.open_tickets
    return preview


@dataclass(frozen=True)
class _Move:
    """A ticket that would come under another key."""

    subject: Subject
    to: str | None


def _move(subject: Subject, hypothesis: Hypothesis) -> _Move | None:
    chosen = choose(hypothesis.candidates, subject.facts)
    return None if chosen == subject.policy else _Move(subject, chosen)


async def _names(session: AsyncSession, moves: Sequence[_Move]) -> dict[str, str]:
    """Return the names of the policies that tickets are under, by key."""
    keys = {move.subject.policy for move in moves if move.subject.policy is not None}
    versions = {key: split_key(key)[0] for key in keys}
    rows = await session.execute(
        select(tables.PolicyVersion.id, tables.Policy.name)
        .join(tables.Policy, tables.Policy.id == tables.PolicyVersion.policy_id)
        .where(tables.PolicyVersion.id.in_(set(versions.values())))
    )
    names = {row.id: row.name for row in rows}
    return {key: names[version] for key, version in versions.items() if version in names}


@dataclass(frozen=True)
class _Comparison:
    """What would become of one ticket; None where it cannot be computed."""

    move: _Move
    changes: list[ClockChange] | None


def _compare(
    moves: Sequence[_Move], ledgers: Mapping[UUID, Ledger], hypothesis: Hypothesis, now: datetime
) -> list[_Comparison]:
    found = []
    for move in moves:
        try:
            changes = _changes(move, ledgers[move.subject.id], hypothesis, now)
        except Invalid:
            found.append(_Comparison(move, None))
        else:
            found.append(_Comparison(move, changes))
    return found


def _changes(move: _Move, ledger: Ledger, hypothesis: Hypothesis, now: datetime) -> list[ClockChange]:
    policies = {**ledger.policies, **hypothesis.policies}
    calendars = {**ledger.calendars, **hypothesis.calendars}
    event = Event(now, EventType.POLICY, policy=move.to)
    before = _standings(evaluate(ledger.events, policies, calendars, as_of=now), hypothesis.names)
    after = _standings(evaluate([*ledger.events, event], policies, calendars, as_of=now), hypothesis.names)
    return [
        ClockChange(move.subject.id, move.subject.number, *key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _count(preview: Preview, comparison: _Comparison, listed: int) -> None:
    move, changes = comparison.move, comparison.changes
    if changes is None:
        preview.not_computed += 1
        return
    comes, goes = move.subject.policy is None, move.to is None
    preview.newly_promised += comes
    preview.newly_unpromised += goes
    preview.touched += bool(changes) or comes or goes
    preview.newly_breached += sum(_breached(change.after) > _breached(change.before) for change in changes)
    preview.no_longer_breached += sum(_breached(change.after) < _breached(change.before) for change in changes)
    room = listed - len(preview.changes)
    preview.changes += changes[:room]
    preview.truncated |= len(changes) > room


def _standings(clocks: Sequence[Clock], names: Mapping[str, str]) -> dict[tuple[str, int], Standing]:
    return {
        (clock.metric, clock.instance): Standing(
            policy=names.get(clock.policy, ""),
            state=clock.state,
            target_s=clock.target_s,
            due_at=clock.due_at,
            breached=clock.breached,
            time_left_s=clock.remaining_s - clock.overdue_s,
        )
        for clock in clocks
    }


def _breached(standing: Standing | None) -> bool:
    return standing is not None and standing.breached
