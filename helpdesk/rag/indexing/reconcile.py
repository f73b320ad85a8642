"""Find what the index has missed: a safety net below the requests that changes make themselves."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import IndexAction
from helpdesk.queue.wake import INDEX, wake_after_commit
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.indexing.inventory import SOURCES
from helpdesk.rag.text.chunking import cutting_rules, passage_chars

# Behind everything that people wait for.
REPAIR_PRIORITY = 1
# One round repairs this much; the next round sees the rest.
MOST_AT_ONCE = 5000

# Where a task waits, runs or has failed, the difference is known.
_DIFFERENCES = text(f"""
    WITH sources AS ({SOURCES}),
    documents AS (
        SELECT source_type AS type, source_id AS id, source_version, chunker_version, indexed_at FROM rag_documents
         WHERE organization_id = :organization_id AND deleted_at IS NULL),
    read_since AS (
        SELECT a.ticket_id FROM attachment_texts x
          JOIN attachments a ON a.id = x.attachment_id AND a.organization_id = :organization_id
          JOIN documents d ON d.type = 'ticket' AND d.id = a.ticket_id AND d.indexed_at < x.extracted_at
         WHERE x.organization_id = :organization_id)
    SELECT type, id, CASE WHEN s.id IS NULL THEN 'delete' ELSE 'upsert' END AS action
      FROM (SELECT type, id, id AS source, version, due FROM sources) AS s (type, id, source, version, due)
      FULL JOIN (SELECT type, id, id AS document, source_version, chunker_version FROM documents)
                AS d (type, id, document, source_version, chunker_version) USING (type, id) AS found
     WHERE (d.document IS NULL AND s.due OR s.source IS NULL
            OR s.version > d.source_version OR d.chunker_version <> :rules
            OR type = 'ticket' AND id IN (SELECT ticket_id FROM read_since))
       AND NOT EXISTS (SELECT FROM rag_index_queue AS q
                        WHERE q.organization_id = :organization_id AND q.source_type = found.type
                          AND q.source_id = found.id AND q.status <> 'done')
     LIMIT :most
""")  # noqa: S608 -- a constant of the product
# A task that came to wait meanwhile knows of the difference already.
_REQUEST = text("""
    INSERT INTO rag_index_queue AS q (id, organization_id, source_type, source_id, action, priority)
    SELECT u.id, :organization_id, u.type, u.source, u.action, :priority
      FROM unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:sources AS uuid[]), CAST(:actions AS text[]))
           AS u (id, type, source, action)
        ON CONFLICT (organization_id, source_type, source_id) DO UPDATE SET
           action = excluded.action, priority = excluded.priority, version = q.version + 1, attempts = 0,
           status = 'pending', run_after = now(), updated_at = now(), waiting_since = now()
     WHERE q.status = 'done'
    RETURNING q.id
""")


_HAS_DOCUMENTS = text("SELECT EXISTS (SELECT FROM rag_documents WHERE organization_id = :organization_id)")


async def has_index(session: AsyncSession, *, organization_id: UUID) -> bool:
    """Return whether anything of an organisation is in the index."""
    found: bool = (await session.execute(_HAS_DOCUMENTS, {"organization_id": organization_id})).scalar_one()
    return found


async def reconcile(session: AsyncSession, *, organization_id: UUID, open_tickets: bool) -> int:
    """Queue sources whose document is missing, older, cut by older rules, or left behind; return how many.

    A round queues at most `MOST_AT_ONCE`; when it does, there may be more.

    Args:
        open_tickets: whether tickets that are not settled belong into the index.
    """
    model = await active_model(session)
    found = (
        await session.execute(
            _DIFFERENCES,
            {
                "organization_id": organization_id,
                "open_tickets": open_tickets,
                "rules": cutting_rules(passage_chars(None if model is None else model.max_input_tokens)),
                "most": MOST_AT_ONCE,
            },
        )
    ).all()
    if not found:
        return 0
    queued = await session.scalars(
        _REQUEST,
        {
            "organization_id": organization_id,
            "priority": REPAIR_PRIORITY,
            "ids": [new_id() for _ in found],
            "types": [row.type for row in found],
            "sources": [row.id for row in found],
            "actions": [IndexAction(row.action) for row in found],
        },
    )
    wake_after_commit(session, INDEX)
    return len(queued.all())
