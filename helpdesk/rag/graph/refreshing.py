"""Make the lists of alike tickets anew, an organisation at a time, in steps that can be taken up again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.rag.embedding.models import ActiveModel, active_model
from helpdesk.rag.graph.likeness import Cuts, cuts_for, measure_scale
from helpdesk.rag.graph.neighbours import can_compare, count_tickets, next_tickets, prune, refresh_neighbours

_AT_ONCE = 20
# With more passages and no graph index yet, a night is not enough; once there is one, it is.
_MOST_EXACT = 50_000

Keep = Callable[[dict[str, Any], float], Awaitable[None]]
Complete = Callable[[AsyncSession, dict[str, Any]], Awaitable[None]]


async def link_similar_tickets(
    database: Database,
    *,
    organization_id: UUID,
    checkpoint: dict[str, Any] | None,
    keep: Keep,
    complete: Complete,
    now: datetime,
) -> None:
    """Compare every indexed ticket of an organisation with all others, and prune what no longer holds.

    Args:
        checkpoint: what an earlier run kept: it goes on there, as long as the model is the same.
        keep: stores where another run can go on, and the percentage of what is done.
        complete: ends the job in the last transaction.
    """
    async with database.transaction(organization_id) as session:
        model = await active_model(session)
        if model is None:
            await complete(session, {"tickets": 0})
            return
        await measure_scale(session, organization_id=organization_id, model=model, now=now)
        cuts = await cuts_for(session, organization_id=organization_id, model=model)
        able = await can_compare(session, organization_id=organization_id, model=model, most=_MOST_EXACT)
        place = _resumed(checkpoint, model, await count_tickets(session, organization_id=organization_id))
    if cuts is not None and able:
        await _walk(database, organization_id, model=model, cuts=cuts, place=place, keep=keep)
    async with database.transaction(organization_id) as session:
        await prune(session, organization_id=organization_id, model=model)
        await complete(session, {"tickets": place.done})


@dataclass
class _Place:
    """How far a run is; tickets come and go meanwhile, so the total is about right."""

    after: UUID | None
    done: int
    total: int


def _resumed(checkpoint: dict[str, Any] | None, model: ActiveModel, total: int) -> _Place:
    if not checkpoint or checkpoint.get("model") != model.id:
        return _Place(None, 0, total)
    return _Place(UUID(checkpoint["after"]), checkpoint["done"], total)


async def _walk(
    database: Database, organization_id: UUID, *, model: ActiveModel, cuts: Cuts, place: _Place, keep: Keep
) -> None:
    while True:
        async with database.transaction(organization_id) as session:
            tickets = await next_tickets(session, organization_id=organization_id, after=place.after, most=_AT_ONCE)
            if not tickets:
                return
            await refresh_neighbours(session, organization_id=organization_id, tickets=tickets, model=model, cuts=cuts)
        place.after, place.done = tickets[-1], place.done + len(tickets)
        checkpoint = {"model": model.id, "after": str(place.after), "done": place.done}
        await keep(checkpoint, min(100 * place.done / max(place.total, 1), 99))
