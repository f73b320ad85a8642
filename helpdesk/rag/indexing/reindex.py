"""Queue sources to be indexed anew, because an operator says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.queue.wake import INDEX, wake_after_commit
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.indexing.inventory import SOURCES
from helpdesk.rag.indexing.reconcile import REPAIR_PRIORITY


class Reindex(StrEnum):
    """Which sources are queued anew."""

    # Those whose indexing has failed.
    FAILED = "failed"
    # Those with a passage that has no vector.
    INCOMPLETE = "incomplete"
    # All that belongs into the index, and what should no longer be in it.
    EVERYTHING = "everything"


# A row in hand stays in hand; its version says that it is to be looked at again.
_QUEUE = """
    INSERT INTO rag_index_queue AS q (id, organization_id, source_type, source_id, priority)
    SELECT gen_random_uuid(), :organization_id, chosen.type, chosen.id, :priority FROM chosen
     ORDER BY chosen.type, chosen.id
        ON CONFLICT (organization_id, source_type, source_id) DO UPDATE SET
           action = 'upsert', priority = CASE WHEN q.status = 'pending' THEN q.priority ELSE excluded.priority END,
           version = q.version + 1, attempts = 0, crash_count = 0, last_error = NULL, run_after = now(),
           updated_at = now(), status = CASE WHEN q.status = 'running' THEN 'running' ELSE 'pending' END,
           waiting_since = CASE WHEN q.status IN ('done', 'failed') THEN now() ELSE q.waiting_since END
    RETURNING q.source_type
"""
_FAILED = """
    SELECT source_type AS type, source_id AS id FROM rag_index_queue
     WHERE organization_id = :organization_id AND status = 'failed'
"""
_EVERYTHING = f"""
    SELECT type, id FROM ({SOURCES}) AS source WHERE due
    UNION SELECT source_type, source_id FROM rag_documents
           WHERE organization_id = :organization_id AND deleted_at IS NULL
"""  # noqa: S608 -- a constant of the product
# {vectors} is the name of a model's table, made by the database itself.
_INCOMPLETE = """
    SELECT DISTINCT d.source_type AS type, d.source_id AS id
      FROM rag_chunks c JOIN rag_documents d ON d.id = c.document_id AND d.organization_id = :organization_id
     WHERE c.organization_id = :organization_id
       AND NOT EXISTS (SELECT FROM {vectors} v WHERE v.chunk_id = c.id AND v.organization_id = :organization_id)
"""
# Without a hash a document equals nothing, so that its source is read, cut and compared passage by passage; passages
# that are as they were keep their vectors.
_FORGET = """
    UPDATE rag_documents d SET content_hash = '' FROM chosen
     WHERE d.organization_id = :organization_id AND d.source_type = chosen.type AND d.source_id = chosen.id
"""
_TRY_AGAIN = """
    DELETE FROM rag_refused_passages r USING rag_chunks c, rag_documents d, chosen
     WHERE r.organization_id = :organization_id AND r.chunk_id = c.id AND c.organization_id = :organization_id
       AND d.id = c.document_id AND d.organization_id = :organization_id
       AND d.source_type = chosen.type AND d.source_id = chosen.id
"""


async def reindex(
    session: AsyncSession,
    *,
    organization_id: UUID,
    what: Reindex,
    types: Collection[SourceType] = tuple(SourceType),
    source_id: UUID | None = None,
    open_tickets: bool = True,
) -> Counter[SourceType]:
    """Queue sources behind what people wait for; return how many of each type.

    The old passages are found until the new ones are written. Only what changed is embedded again, and passages that
    have no vector are tried once more.

    Args:
        source_id: this source alone.
        open_tickets: whether tickets that are not settled belong into the index.
    """
    chosen = await _chosen(session, what)
    if chosen is None:
        return Counter()
    values: dict[str, Any] = {
        "organization_id": organization_id,
        "types": [str(each) for each in types],
        "source_id": source_id,
    }
    if ":open_tickets" in chosen:
        values["open_tickets"] = open_tickets
    filtered = f"""
        WITH found AS ({chosen}),
        chosen AS MATERIALIZED (
            SELECT type, id FROM found
             WHERE type = ANY(CAST(:types AS text[]))
               AND (CAST(:source_id AS uuid) IS NULL OR id = CAST(:source_id AS uuid))),
        tried AS ({_TRY_AGAIN}), forgotten AS ({_FORGET})
    """  # noqa: S608 -- constants of the product, and a table's name made by the database itself
    rows = await session.scalars(text(filtered + _QUEUE), values | {"priority": REPAIR_PRIORITY})
    queued = Counter(SourceType(each) for each in rows)
    if queued:
        wake_after_commit(session, INDEX)
    return queued


async def _chosen(session: AsyncSession, what: Reindex) -> str | None:
    if what is Reindex.FAILED:
        return _FAILED
    if what is Reindex.EVERYTHING:
        return _EVERYTHING
    model = await active_model(session)
    return None if model is None else _INCOMPLETE.format(vectors=model.table_name)
