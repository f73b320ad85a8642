"""Read what triage has thought of a ticket over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.ai import TriagePrediction


async def list_predictions(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    field: str | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> Sequence[TriagePrediction]:
    """Return all predictions of a ticket, those superseded among them, the newest first.

    Args:
        field: only those of one field.
        before: time and id of the last one seen.
    """
    key = tuple_(TriagePrediction.created_at, TriagePrediction.id)
    statement = (
        select(TriagePrediction)
        .where(TriagePrediction.organization_id == organization_id, TriagePrediction.ticket_id == ticket_id)
        .order_by(TriagePrediction.created_at.desc(), TriagePrediction.id.desc())
        .limit(limit)
    )
    if field is not None:
        statement = statement.where(TriagePrediction.field == field)
    if before is not None:
        statement = statement.where(key < before)
    return (await session.scalars(statement)).all()
