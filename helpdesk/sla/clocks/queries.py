"""Read clocks, each with the newest prediction beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import ClockState
from helpdesk.sla.rules.risk import Risk, risk_of

WAITING = (ClockState.RUNNING, ClockState.PAUSED)


@dataclass(frozen=True)
class Prediction:
    """How likely a running clock was to breach when somebody last looked.

    Attributes:
        risk: the band of the probability, `low`, `medium` or `high`.
        reasons: what speaks for it, `{feature, weight, sentence}` each, the strongest first.
        as_of: when that was.
        stale: whether the clock has changed since; a new prediction is on its way then.
        model: what predicted it, with its version.
        ends_from, ends_until: between which times four of five clocks like it end; None where too few tell.
    """

    probability: float
    risk: str
    reasons: list[dict[str, Any]]
    as_of: datetime
    stale: bool
    model: str
    ends_from: datetime | None
    ends_until: datetime | None


@dataclass(frozen=True)
class ClockView:
    """A clock as it is now.

    Attributes:
        time_to_breach_minutes: business minutes left, negative when overdue; None once the clock has ended.
        risk: `breached`, or the band of the prediction; None where there is neither, and once the clock has ended.
        prediction: None unless the clock runs, can still be met and was predicted.
    """

    id: UUID
    ticket_id: UUID
    metric: str
    instance: int
    state: str
    outcome: str | None
    breached: bool
    level: int
    start_at: datetime
    target_s: int
    due_at: datetime | None
    warn_75_at: datetime | None
    warn_90_at: datetime | None
    stopped_at: datetime | None
    elapsed_s: int
    remaining_s: int | None
    time_to_breach_minutes: int | None
    policy: str | None
    risk: str | None = None
    prediction: Prediction | None = None


# The reasons of at most one prediction a clock, found at one end of an index.
_CLOCKS = """
    SELECT c.id, c.ticket_id, c.metric, c.instance, c.state, c.outcome, c.breached, c.level, c.start_at, c.target_s,
           c.due_at, c.warn_75_at, c.warn_90_at, c.stopped_at, c.elapsed_s, c.remaining_s, live.time_to_breach_minutes,
           p.name AS policy, c.breach_probability, newest.reasons, c.predicted_at,
           c.updated_at > c.predicted_at AS stale, newest.model, newest.ends_from, newest.ends_until
      FROM sla_clocks c
      JOIN sla_clock_live live ON live.id = c.id
      LEFT JOIN sla_policy_versions v ON v.id = c.policy_version_id
      LEFT JOIN sla_policies p ON p.id = v.policy_id
      LEFT JOIN LATERAL (
           SELECT b.reasons, b.model, b.ends_from, b.ends_until FROM breach_predictions b
            WHERE b.clock_id = c.id AND c.state = 'running' AND NOT c.breached AND c.breach_probability IS NOT NULL
            ORDER BY b.as_of DESC LIMIT 1) newest ON true
     WHERE c.organization_id = :organization_id
"""
_OF_TICKETS = text(
    _CLOCKS + " AND c.ticket_id = ANY(:ticket_ids) ORDER BY c.ticket_id, c.start_at, c.metric, c.instance"
)
_OF_IDS = text(_CLOCKS + " AND c.id = ANY(:ids)")


async def clocks_of(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Sequence[UUID]
) -> dict[UUID, list[ClockView]]:
    """Return the clocks of tickets, each as it is now."""
    rows = await session.execute(_OF_TICKETS, {"organization_id": organization_id, "ticket_ids": list(ticket_ids)})
    clocks: dict[UUID, list[ClockView]] = {}
    for row in rows:
        clocks.setdefault(row.ticket_id, []).append(_view(row))
    return clocks


async def clocks_by_id(session: AsyncSession, *, organization_id: UUID, ids: Sequence[UUID]) -> list[ClockView]:
    """Return clocks in the order of their ids given, without those that are not there."""
    rows = await session.execute(_OF_IDS, {"organization_id": organization_id, "ids": list(ids)})
    found = {row.id: _view(row) for row in rows}
    return [found[clock_id] for clock_id in ids if clock_id in found]


def _view(row: Any) -> ClockView:
    *columns, probability, reasons, as_of, stale, model, ends_from, ends_until = row
    clock = ClockView(*columns)
    if clock.state not in WAITING:
        return clock
    if clock.breached:
        return replace(clock, risk=Risk.BREACHED)
    if clock.state == ClockState.PAUSED or reasons is None:
        return clock
    prediction = Prediction(probability, risk_of(probability), reasons, as_of, stale, model, ends_from, ends_until)
    return replace(clock, risk=prediction.risk, prediction=prediction)
