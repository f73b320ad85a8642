"""Let an import wait its turn in the index, behind what people change meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType

IMPORT_PRIORITY = 2

# The rows were queued by this transaction with the usual priority, by the commands that know of no import.
_LOWER = text("""
    UPDATE rag_index_queue SET priority = :priority
     WHERE organization_id = :organization_id AND source_type = :source_type
       AND source_id = ANY(CAST(:source_ids AS uuid[])) AND status = 'pending' AND priority > :priority
""")


async def index_after_others(
    session: AsyncSession, *, organization_id: UUID, source_type: SourceType, source_ids: Sequence[UUID]
) -> None:
    """Give sources that wait for the index the priority of an import."""
    if not source_ids:
        return
    values = {
        "organization_id": organization_id,
        "source_type": source_type,
        "source_ids": list(source_ids),
        "priority": IMPORT_PRIORITY,
    }
    await session.execute(_LOWER, values)
