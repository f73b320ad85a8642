"""Read what was predicted for a ticket's clocks, from the first time to the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.sla.clocks.queries import ClockView, clocks_of
from helpdesk.sla.rules.risk import risk_of

# A few of each clock, at one end of an index, however long it has run.
_HISTORY = text("""
    SELECT c.id AS clock_id, b.as_of, b.probability, b.reasons, b.model, b.ends_from, b.ends_until
      FROM sla_clocks c
     CROSS JOIN LATERAL (
           SELECT as_of, probability, reasons, model, ends_from, ends_until FROM breach_predictions
            WHERE clock_id = c.id ORDER BY as_of DESC, id DESC LIMIT :most) b
     WHERE c.organization_id = :organization_id AND c.ticket_id = :ticket_id
     ORDER BY c.id, b.as_of DESC
""")


_TICKETS = text("""
    SELECT t.id, t.number, t.subject, t.status, t.priority, team.slug AS team, t.assignee_id, assignee.name AS assignee
      FROM tickets t
      LEFT JOIN teams team ON team.id = t.team_id
      LEFT JOIN users assignee ON assignee.id = t.assignee_id
     WHERE t.organization_id = :organization_id AND t.id = ANY(:ids)
""")


@dataclass(frozen=True)
class ClockTicket:
    """The ticket of a clock, as a list of clocks names it."""

    id: UUID
    number: int
    subject: str
    status: str
    priority: str
    team: str | None
    assignee_id: UUID | None
    assignee: str | None


@dataclass(frozen=True)
class PastPrediction:
    """What was predicted at one time.

    Attributes:
        ends_from, ends_until: between which times four of five clocks like it end; None where too few told.
    """

    as_of: datetime
    probability: float
    risk: str
    reasons: list[dict[str, Any]]
    model: str
    ends_from: datetime | None
    ends_until: datetime | None


@dataclass(frozen=True)
class PredictedClock:
    """A clock and what was predicted for it, the newest first."""

    clock: ClockView
    history: Sequence[PastPrediction]


async def predictions_of(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, most: int = 50
) -> list[PredictedClock]:
    """Return the clocks of a ticket with up to `most` predictions each; those never predicted are left out."""
    values = {"organization_id": organization_id, "ticket_id": ticket_id, "most": most}
    histories: dict[UUID, list[PastPrediction]] = {}
    for row in await session.execute(_HISTORY, values):
        past = PastPrediction(
            row.as_of, row.probability, risk_of(row.probability), row.reasons, row.model, row.ends_from, row.ends_until
        )
        histories.setdefault(row.clock_id, []).append(past)
    clocks = await clocks_of(session, organization_id=organization_id, ticket_ids=[ticket_id])
    return [PredictedClock(clock, histories[clock.id]) for clock in clocks.get(ticket_id, []) if clock.id in histories]


async def tickets_of(session: AsyncSession, *, organization_id: UUID, ids: Sequence[UUID]) -> dict[UUID, ClockTicket]:
    """Return the tickets of clocks, by id."""
    rows = await session.execute(_TICKETS, {"organization_id": organization_id, "ids": list(ids)})
    return {row.id: ClockTicket(*row) for row in rows}
