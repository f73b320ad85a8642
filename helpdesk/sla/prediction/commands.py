"""Estimate how likely each running clock is to breach, from what is known at that moment, and keep the estimates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.errors import NotFound
from helpdesk.models.ai import BreachPrediction
from helpdesk.models.tickets import Ticket
from helpdesk.sla.prediction.judging import Judged, Judgement, judge_among, model_in
from helpdesk.sla.prediction.model import FittedModel, Model
from helpdesk.sla.prediction.moments import OLDEST, predict_again_at
from helpdesk.sla.prediction.surroundings import RecentSurroundings, Surroundings, read_surroundings

# Only what can still be kept; by the names that logs give them.
_RUNNING = text("""
    SELECT id, ticket_id, metric, instance FROM sla_clocks
     WHERE organization_id = :organization_id AND ticket_id = ANY(:ticket_ids) AND state = 'running' AND NOT breached
       AND due_open_s IS NOT NULL AND start_at <= :now
     ORDER BY ticket_id, metric, instance
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
_ANY_DUE = text("""
    SELECT EXISTS (
           SELECT FROM sla_clocks
            WHERE organization_id = :organization_id AND state = 'running' AND NOT breached
              AND predict_again_at <= :now AND start_at <= :now AND due_open_s IS NOT NULL)
""")
_KEEP = text("""
    UPDATE sla_clocks c
       SET breach_probability = made.probability, predicted_at = :now, predict_again_at = made.again_at
      FROM unnest(CAST(:ids AS uuid[]), CAST(:probabilities AS float8[]), CAST(:again_at AS timestamptz[]))
           AS made (id, probability, again_at)
     WHERE c.organization_id = :organization_id AND c.id = made.id
""")
_PUT_OFF = text("""
    UPDATE sla_clocks SET predict_again_at = :again_at
     WHERE organization_id = :organization_id AND id = ANY (CAST(:ids AS uuid[])) AND predict_again_at < :again_at
""")


class NothingToPredict(NotFound):
    """The ticket is gone."""


@dataclass(frozen=True)
class Refreshed:
    """What one look at clocks that are due came to.

    Attributes:
        looked_at: tickets that were locked; zero when none is due that could be.
        made: clocks that were predicted, those beside the due ones included.
    """

    looked_at: int
    made: int


async def predict_breaches(
    database: Database,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
    recent: RecentSurroundings | None = None,
) -> int:
    """Store a prediction for each running clock of a ticket that is not late yet, and return how many there are.

    Args:
        now: nothing that happened later is looked at.
        complete: ends the job in the transaction of the predictions.
        recent: has the desk of the last full minute; without it, it is read as of `now`.

    Raises:
        NothingToPredict: the ticket is gone.
    """
    around = await recent.at(database, organization_id=organization_id, now=now) if recent else None
    async with database.transaction(organization_id) as session:
        known = await _known(session, around, organization_id=organization_id, now=now)
        # Held, so that a change either is seen here or finds this job done and asks for another. What takes long was
        # read before.
        found = await session.scalar(
            select(Ticket.id).where(Ticket.organization_id == organization_id, Ticket.id == ticket_id).with_for_update()
        )
        if found is None:
            raise NothingToPredict
        made = await _predict(session, known, organization_id=organization_id, ticket_ids=[ticket_id], now=now)
        await complete(session)
    return made


async def is_any_due(session: AsyncSession, *, organization_id: UUID, now: datetime) -> bool:
    """Return whether a clock has reached its next step, or was never predicted."""
    return bool(await session.scalar(_ANY_DUE, {"organization_id": organization_id, "now": now}))


async def predict_due(
    session: AsyncSession,
    *,
    organization_id: UUID,
    now: datetime,
    limit: int = 200,
    around: Surroundings | None = None,
) -> Refreshed:
    """Predict anew the clocks of tickets on which one has reached its next step, or was never predicted.

    Args:
        limit: how many clocks that are due are looked at.
        around: what was read of the desk at `now` or shortly before; without it, it is read.
    """
    known = await _known(session, around, organization_id=organization_id, now=now)
    due = (await session.scalars(_DUE, {"organization_id": organization_id, "now": now, "limit": limit})).all()
    made = await _predict(session, known, organization_id=organization_id, ticket_ids=due, now=now)
    return Refreshed(len(due), made)


async def _known(
    session: AsyncSession, around: Surroundings | None, *, organization_id: UUID, now: datetime
) -> tuple[Surroundings, Model]:
    """Return what clocks are judged by besides the logs of their tickets; to be asked for before any is locked."""
    if around is None:
        around = await read_surroundings(session, organization_id=organization_id, now=now)
    return around, await model_in(session, around, organization_id=organization_id)


async def _predict(
    session: AsyncSession,
    known: tuple[Surroundings, Model],
    *,
    organization_id: UUID,
    ticket_ids: Sequence[UUID],
    now: datetime,
) -> int:
    """Predict the clocks of tickets whose rows are locked."""
    if not ticket_ids:
        return 0
    scope: dict[str, Any] = {"organization_id": organization_id, "now": now}
    running = await session.execute(_RUNNING, scope | {"ticket_ids": list(ticket_ids)})
    ids = {(row.ticket_id, row.metric, row.instance): row.id for row in running}
    if not ids:
        return 0
    tickets = sorted({ticket for ticket, _, _ in ids})
    judged = await judge_among(session, *known, organization_id=organization_id, ticket_ids=tickets, now=now)
    found = [one for one in judged.clocks if one.seen.key in ids]
    rows = [_row(judged, one, ids[one.seen.key], organization_id) for one in found]
    if rows:
        await session.execute(insert(BreachPrediction), rows)
    kept = {
        "ids": [row["clock_id"] for row in rows],
        "probabilities": [row["probability"] for row in rows],
        "again_at": [predict_again_at(one.seen, one.estimate.probability) for one in found],
    }
    await session.execute(_KEEP, scope | kept)
    # A clock whose log tells otherwise than its row is the proof's to set right; until then it does not press.
    left = [clock_id for key, clock_id in ids.items() if key not in {one.seen.key for one in found}]
    await session.execute(_PUT_OFF, {"organization_id": organization_id, "ids": left, "again_at": now + OLDEST})
    return len(rows)


def _row(judged: Judged, one: Judgement, clock_id: UUID, organization_id: UUID) -> dict[str, Any]:
    seen, model = one.seen, judged.model
    # What the features leave out, so that each estimate can be worked out again.
    rest = {
        "usual_backlog": seen.usual_backlog, "cases": judged.cases, "desk_as_of": judged.desk_as_of.isoformat(),
    }  # fmt: skip
    return {
        "id": new_id(),
        "organization_id": organization_id,
        "ticket_id": seen.ticket_id,
        "clock_id": clock_id,
        "metric": seen.metric,
        "as_of": seen.at,
        "probability": one.estimate.probability,
        "reasons": one.estimate.reasons,
        "features": asdict(seen.features) | rest,
        "model": model.name,
        "model_version": model.version if isinstance(model, FittedModel) else None,
        "ends_from": one.ends_from,
        "ends_until": one.ends_until,
    }
