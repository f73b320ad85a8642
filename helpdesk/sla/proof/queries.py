"""Read proofs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.sla import Proof


async def list_proofs(
    session: AsyncSession, *, organization_id: UUID, after: tuple[datetime, UUID] | None = None, limit: int = 50
) -> Sequence[Proof]:
    """Return proofs, the latest first, from behind the one that began and is named so."""
    order = (Proof.started_at, Proof.id)
    query = select(Proof).where(Proof.organization_id == organization_id)
    if after is not None:
        query = query.where(func.row(*order) < func.row(*after))
    return (await session.scalars(query.order_by(*(column.desc() for column in order)).limit(limit))).all()
