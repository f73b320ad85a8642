"""Estimate how likely each running clock of a ticket is to breach, from what is known at that moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.errors import NotFound
from helpdesk.models.ai import BreachPrediction
from helpdesk.models.sla import Clock
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import ClockState
from helpdesk.sla.clock import evaluate
from helpdesk.sla.hazard import Ended, HazardTable, Moment
from helpdesk.sla.ledger import read_ledgers

MODEL = "hazard-table-1"

# Only clocks that had ended by then, and no more of them than tell what is usual now.
_ENDED = text("""
    SELECT c.metric, t.priority, c.elapsed_s::float8 / c.target_s AS used, c.breached
      FROM sla_clocks c JOIN tickets t ON t.id = c.ticket_id
     WHERE c.organization_id = :organization_id AND c.outcome IN ('met', 'breached') AND c.stopped_at < :now
     ORDER BY c.stopped_at DESC
     LIMIT 5000
""")
# The load of the ticket's team, or of the whole desk while it has none.
_LOAD = text("""
    WITH mine AS MATERIALIZED (
        SELECT created_at, solved_at FROM tickets
         WHERE organization_id = :organization_id AND created_at < :now
           AND (CAST(:team_id AS uuid) IS NULL OR team_id = :team_id)
           AND (solved_at IS NULL OR solved_at > CAST(:now AS timestamptz) - interval '28 days'))
    SELECT count(*) FILTER (WHERE solved_at IS NULL OR solved_at > :now) AS backlog,
           count(*) FILTER (WHERE created_at > CAST(:now AS timestamptz) - interval '1 day') AS inflow,
           count(*) FILTER (WHERE solved_at <= :now
                                  AND solved_at > CAST(:now AS timestamptz) - interval '1 day') AS outflow,
           (SELECT avg(open) FROM (
               SELECT (SELECT count(*) FROM mine
                        WHERE created_at <= day AND (solved_at IS NULL OR solved_at > day)) AS open
                 FROM generate_series(CAST(:now AS timestamptz) - interval '28 days',
                                      CAST(:now AS timestamptz) - interval '1 day', interval '1 day') AS day) AS days)
               AS usual_backlog
      FROM mine
""")


class NothingToPredict(NotFound):
    """The ticket is gone."""


async def predict_breaches(
    database: Database,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
) -> int:
    """Store a prediction for each running clock of a ticket and return how many there are.

    Args:
        now: nothing that happened later is looked at.
        complete: ends the job in the transaction of the predictions.

    Raises:
        NothingToPredict: the ticket is gone.
    """
    async with database.transaction(organization_id) as session:
        # Held, so that a change either is seen here or finds this job done and asks for another.
        ticket = await session.get(Ticket, ticket_id, with_for_update=True)
        if ticket is None or ticket.organization_id != organization_id:
            raise NothingToPredict
        moments = await _moments(session, ticket=ticket, now=now)
        if moments:
            table = await _table(session, organization_id=organization_id, now=now)
            session.add_all(_prediction(table, clock_id, moment, ticket, now) for clock_id, moment in moments.items())
        await complete(session)
    return len(moments)


async def _moments(session: AsyncSession, *, ticket: Ticket, now: datetime) -> dict[UUID, Moment]:
    """Return where each running clock stands, by its id."""
    clocks = await session.scalars(
        select(Clock).where(
            Clock.organization_id == ticket.organization_id,
            Clock.ticket_id == ticket.id,
            Clock.state == ClockState.RUNNING,
        )
    )
    running = {(clock.metric, clock.instance): clock.id for clock in clocks}
    if not running:
        return {}
    ledgers = await read_ledgers(session, organization_id=ticket.organization_id, ticket_ids=[ticket.id])
    ledger = ledgers[ticket.id]
    load = await _load(session, ticket=ticket, now=now)
    return {
        running[clock.metric, clock.instance]: Moment(
            metric=clock.metric,
            priority=ticket.priority,
            used=_used(clock.elapsed_s, clock.target_s, breached=clock.breached),
            **load,
        )
        for clock in evaluate(ledger.events, ledger.policies, ledger.calendars, as_of=now)
        if (clock.metric, clock.instance) in running
    }


def _used(elapsed_s: int, target_s: int, *, breached: bool) -> float:
    """Return the share of the target used; a breached clock is past it even while the calendar is closed."""
    used = elapsed_s / target_s
    return max(used, 1.0001) if breached else used


async def _load(session: AsyncSession, *, ticket: Ticket, now: datetime) -> dict[str, Any]:
    values = {"organization_id": ticket.organization_id, "team_id": ticket.team_id, "now": now}
    row = (await session.execute(_LOAD, values)).one()
    return {
        "backlog": row.backlog,
        "inflow": row.inflow,
        "outflow": row.outflow,
        "usual_backlog": float(row.usual_backlog or 0),
    }


async def _table(session: AsyncSession, *, organization_id: UUID, now: datetime) -> HazardTable:
    rows = await session.execute(_ENDED, {"organization_id": organization_id, "now": now})
    return HazardTable(Ended(*row) for row in rows)


def _prediction(table: HazardTable, clock_id: UUID, moment: Moment, ticket: Ticket, now: datetime) -> BreachPrediction:
    estimate = table.estimate(moment)
    return BreachPrediction(
        organization_id=ticket.organization_id,
        ticket_id=ticket.id,
        clock_id=clock_id,
        metric=moment.metric,
        as_of=now,
        probability=estimate.probability,
        reasons=estimate.reasons,
        features=asdict(moment) | {"cases": table.cases},
        model=MODEL,
    )
