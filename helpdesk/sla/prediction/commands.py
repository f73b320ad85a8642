"""Estimate how likely each running clock is to breach, from what is known at that moment, and keep the estimates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.errors import NotFound
from helpdesk.models.ai import BreachPrediction
from helpdesk.models.tickets import Ticket
from helpdesk.sla.prediction.hazard import Ended, HazardTable
from helpdesk.sla.prediction.moments import Standing, standings

MODEL = "hazard-table-1"

# Only clocks that had ended by then, and no more of them than tell what is usual now.
_ENDED = text("""
    SELECT c.metric, t.priority, c.elapsed_s::float8 / c.target_s AS used, c.breached
      FROM sla_clocks c JOIN tickets t ON t.id = c.ticket_id
     WHERE c.organization_id = :organization_id AND c.outcome IN ('met', 'breached') AND c.stopped_at < :now
     ORDER BY c.stopped_at DESC
     LIMIT 5000
""")
# Those whose next step has come, the longest overdue first. SKIP LOCKED: what a command or another run holds is
# predicted by whoever holds it, or the next time.
_DUE = text("""
    SELECT id FROM tickets
     WHERE organization_id = :organization_id
       AND id = ANY (ARRAY(
               SELECT ticket_id FROM sla_clocks
                WHERE organization_id = :organization_id AND state = 'running' AND NOT breached
                  AND predict_again_at <= :now AND start_at <= :now AND due_open_s IS NOT NULL
                ORDER BY predict_again_at LIMIT :limit))
     ORDER BY id
       FOR UPDATE SKIP LOCKED
""")
_KEEP = text("""
    UPDATE sla_clocks c
       SET breach_probability = made.probability, predicted_at = :now, predict_again_at = made.again_at
      FROM unnest(CAST(:ids AS uuid[]), CAST(:probabilities AS float8[]), CAST(:again_at AS timestamptz[]))
           AS made (id, probability, again_at)
     WHERE c.organization_id = :organization_id AND c.id = made.id
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
    """Store a prediction for each running clock of a ticket that is not late yet, and return how many there are.

    Args:
        now: nothing that happened later is looked at.
        complete: ends the job in the transaction of the predictions.

    Raises:
        NothingToPredict: the ticket is gone.
    """
    async with database.transaction(organization_id) as session:
        # Held, so that a change either is seen here or finds this job done and asks for another.
        found = await session.scalar(
            select(Ticket.id).where(Ticket.organization_id == organization_id, Ticket.id == ticket_id).with_for_update()
        )
        if found is None:
            raise NothingToPredict
        made = await _predict(session, organization_id=organization_id, ticket_ids=[ticket_id], now=now)
        await complete(session)
    return made


async def predict_due(session: AsyncSession, *, organization_id: UUID, now: datetime, limit: int = 200) -> int:
    """Predict anew the clocks of tickets on which one has reached its next step, or was never predicted.

    Args:
        limit: how many clocks that are due are looked at.

    Returns:
        How many clocks were predicted, those beside them included; zero when none is due that could be locked.
    """
    due = await session.scalars(_DUE, {"organization_id": organization_id, "now": now, "limit": limit})
    return await _predict(session, organization_id=organization_id, ticket_ids=due.all(), now=now)


async def _predict(session: AsyncSession, *, organization_id: UUID, ticket_ids: Sequence[UUID], now: datetime) -> int:
    """Predict the clocks of tickets whose rows are locked."""
    if not ticket_ids:
        return 0
    found = await standings(session, organization_id=organization_id, ticket_ids=ticket_ids, now=now)
    if not found:
        return 0
    table = await _table(session, organization_id=organization_id, now=now)
    rows = [_row(table, standing, organization_id=organization_id, now=now) for standing in found]
    await session.execute(insert(BreachPrediction), rows)
    await session.execute(
        _KEEP,
        {
            "organization_id": organization_id,
            "now": now,
            "ids": [standing.clock_id for standing in found],
            "probabilities": [row["probability"] for row in rows],
            "again_at": [standing.again_at for standing in found],
        },
    )
    return len(found)


async def _table(session: AsyncSession, *, organization_id: UUID, now: datetime) -> HazardTable:
    rows = await session.execute(_ENDED, {"organization_id": organization_id, "now": now})
    return HazardTable(Ended(*row) for row in rows)


def _row(table: HazardTable, standing: Standing, *, organization_id: UUID, now: datetime) -> dict[str, object]:
    estimate = table.estimate(standing.moment)
    return {
        "id": new_id(),
        "organization_id": organization_id,
        "ticket_id": standing.ticket_id,
        "clock_id": standing.clock_id,
        "metric": standing.moment.metric,
        "as_of": now,
        "probability": estimate.probability,
        "reasons": estimate.reasons,
        "features": asdict(standing.moment) | {"cases": table.cases},
        "model": MODEL,
    }
