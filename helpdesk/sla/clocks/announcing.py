"""Tell the levels that clocks have reached, once for each target they run under."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from helpdesk.database.base import new_id
from helpdesk.models.sla import Clock
from helpdesk.models.values import ClockState, NoticeKind
from helpdesk.queue.catalog import ApplySlaAction, DeliverNotification
from helpdesk.queue.enqueue import KeyedJob, enqueue_many
from helpdesk.sla.rules.actions import Actions, Notify

BREACH_LEVEL = 100

# Which of the levels are new is what the unique key says; a breach is found when its level is told.
_TELL = text("""
    WITH told AS (
        INSERT INTO sla_events
               (id, organization_id, clock_id, ticket_id, kind, level, target_version, at, detected_at, detail)
        SELECT id, organization_id, clock_id, ticket_id, 'threshold', level, target_version, at, detected_at, detail
          FROM json_populate_recordset(NULL::sla_events, CAST(CAST(:rows AS text) AS json))
        ON CONFLICT DO NOTHING
        RETURNING clock_id, level, detected_at),
    found AS (
        UPDATE sla_clocks AS clock SET detected_at = told.detected_at
          FROM told WHERE clock.id = told.clock_id AND told.level >= :breach_level)
    SELECT clock_id FROM told
""")
_WHAT_TO_DO = text("""
    SELECT clock.id, ticket.number, policy.name AS policy, CAST(version.actions AS text) AS actions
      FROM sla_clocks clock
      JOIN tickets ticket ON ticket.id = clock.ticket_id
      LEFT JOIN sla_policy_versions version ON version.id = clock.policy_version_id
      LEFT JOIN sla_policies policy ON policy.id = version.policy_id
     WHERE clock.organization_id = :organization_id AND clock.id = ANY (CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True)
class _Plan:
    """What there is to do about a clock's level, and the words for it."""

    number: int
    policy: str | None
    actions: Actions


async def announce(session: AsyncSession, clocks: Sequence[Clock], *, now: datetime) -> list[int]:
    """Record the level of each running clock unless that was done before, and ask for what its policy says.

    What a clock reached since it was last looked at is told once, at the highest level, however late it is found. A
    level that a change of target leaves alone, or that a clock falls to, is no news.
    Returns the levels told. The clocks are stored, and those of one organisation.
    """
    reached = {clock.id: clock for clock in clocks if clock.told_version > 0 and clock.state == ClockState.RUNNING}
    if not reached:
        return []
    rows = json.dumps([_event(clock, now) for clock in reached.values()], default=str)
    told = [
        reached[UUID(str(id_))] for id_ in await session.scalars(_TELL, {"rows": rows, "breach_level": BREACH_LEVEL})
    ]
    if not told:
        return []
    for clock in told:
        if clock.level >= BREACH_LEVEL:
            set_committed_value(clock, "detected_at", now)
    plans = await _plans(session, told)
    jobs = [job for clock in told for job in _jobs(clock, plans[clock.id])]
    await enqueue_many(session, jobs, organization_id=told[0].organization_id)
    return [clock.level for clock in told]


def _event(clock: Clock, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "organization_id": clock.organization_id,
        "clock_id": clock.id,
        "ticket_id": clock.ticket_id,
        "level": clock.level,
        "target_version": clock.told_version,
        "at": _reached_at(clock) or now,
        "detected_at": now,
        "detail": {"metric": clock.metric},
    }


def _reached_at(clock: Clock) -> datetime | None:
    named = {75: clock.warn_75_at, 90: clock.warn_90_at, BREACH_LEVEL: clock.breached_at or clock.due_at}
    if clock.level in named:
        return named[clock.level]
    at = clock.warnings.get(str(clock.level))
    return datetime.fromisoformat(at) if at else None


async def _plans(session: AsyncSession, clocks: Sequence[Clock]) -> Mapping[UUID, _Plan]:
    values = {"organization_id": clocks[0].organization_id, "ids": [clock.id for clock in clocks]}
    known: dict[str, Actions] = {}
    plans = {}
    for row in await session.execute(_WHAT_TO_DO, values):
        said = row.actions or "{}"
        if said not in known:
            known[said] = Actions.from_json(json.loads(said))
        plans[row.id] = _Plan(row.number, row.policy, known[said])
    return plans


def _jobs(clock: Clock, plan: _Plan) -> Iterator[DeliverNotification | KeyedJob]:
    """Make one notice for all who are to be told, and a job for each change of the ticket."""
    key = f"{clock.id}:{clock.told_version}:{clock.level}"
    actions = plan.actions.at(clock.level, clock.metric)
    told = [action for action in actions if isinstance(action, Notify)]
    if told:
        yield _notice(clock, plan, key, told)
    for index, action in enumerate(actions):
        if isinstance(action, Notify):
            continue
        change = ApplySlaAction(
            ticket_id=clock.ticket_id,
            clock_id=clock.id,
            metric=clock.metric,
            level=clock.level,
            target_version=clock.told_version,
            action=action.model_dump(mode="json"),
        )
        yield KeyedJob(change, f"{key}:{index}")


def _notice(clock: Clock, plan: _Plan, key: str, told: Iterable[Notify]) -> DeliverNotification:
    kind, title, data = words_of(clock, level=clock.level, number=plan.number, policy=plan.policy)
    return DeliverNotification(
        kind=kind,
        ticket_id=clock.ticket_id,
        dedupe_key=key,
        title=title,
        who=tuple(dict.fromkeys(audience for action in told for audience in action.who)),
        data=data,
    )


def words_of(
    clock: Clock, *, level: int, number: int, policy: str | None
) -> tuple[NoticeKind, str, dict[str, str | int | None]]:
    """Return what there is to tell of a level that a clock has reached: the kind, a headline and the facts."""
    breach = level >= BREACH_LEVEL
    left = clock.remaining_s or 0
    metric = clock.metric.replace("_", " ")
    title = f"#{number}: {metric} " + ("is overdue" if breach else f"at {level} % of its time")
    facts: dict[str, str | int | None] = {
        "metric": clock.metric,
        "level": level,
        "due_at": clock.due_at.isoformat() if clock.due_at else None,
        "number": number,
        "policy": policy,
        "target_minutes": clock.target_s // 60,
        "remaining_minutes": max(0, left) // 60,
        "overdue_minutes": max(0, -left) // 60,
    }
    return NoticeKind.SLA_BREACH if breach else NoticeKind.SLA_WARNING, title, facts
