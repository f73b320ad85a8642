"""Write the passages of a document, and count their terms."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.rag.embedding.halfvec import write_weights
from helpdesk.rag.indexing.difference import Kept
from helpdesk.rag.indexing.prepare import Change
from helpdesk.rag.indexing.sources import Draft
from helpdesk.rag.indexing.statistics import Delta
from helpdesk.rag.text.terms import bm25_weights, count_terms

_DROP_CHUNKS = text("""
    DELETE FROM rag_chunks WHERE organization_id = :organization_id AND document_id = :document_id
       AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[])))
    RETURNING terms, length
""")
_MOVE_CHUNKS = text("""
    UPDATE rag_chunks c SET ordinal = u.ordinal, char_start = u.start, char_end = u.stop, visibility = u.visibility
      FROM unnest(CAST(:ids AS uuid[]), CAST(:ordinals AS int[]), CAST(:starts AS int[]), CAST(:stops AS int[]),
                  CAST(:visibility AS text[])) AS u (id, ordinal, start, stop, visibility)
     WHERE c.organization_id = :organization_id AND c.document_id = :document_id AND c.id = u.id
""")
_ADD_CHUNKS = text("""
    INSERT INTO rag_chunks (id, organization_id, document_id, source_type, visibility, ordinal, role, chunk_hash,
           input_key, heading_path, content, char_start, char_end, length, terms, bm25)
    SELECT u.id, :organization_id, :document_id, :source_type, u.visibility, u.ordinal, u.role, u.hash, u.input_key,
           u.heading_path, u.content, u.start, u.stop, u.length, u.terms::int[], u.bm25::sparsevec
      FROM unnest(CAST(:ids AS uuid[]), CAST(:visibility AS text[]), CAST(:ordinals AS int[]), CAST(:roles AS text[]),
                  CAST(:hashes AS bytea[]), CAST(:keys AS uuid[]), CAST(:paths AS text[]), CAST(:contents AS text[]),
                  CAST(:starts AS int[]), CAST(:stops AS int[]), CAST(:lengths AS int[]), CAST(:terms AS text[]),
                  CAST(:bm25 AS text[]))
           AS u (id, visibility, ordinal, role, hash, input_key, heading_path, content, start, stop, length, terms,
                 bm25)
""")


async def drop_chunks(
    session: AsyncSession, organization_id: UUID, document_id: UUID, ids: Sequence[UUID] | None, delta: Delta
) -> None:
    """Delete passages, all of the document when no ids are given, and count them off."""
    chosen = None if ids is None else list(ids)
    rows = await session.execute(
        _DROP_CHUNKS, {"organization_id": organization_id, "document_id": document_id, "ids": chosen}
    )
    for row in rows:
        delta.count(row.terms, length=row.length, sign=-1)


async def move_chunks(session: AsyncSession, organization_id: UUID, document_id: UUID, kept: Sequence[Kept]) -> None:
    """Give the passages that stay their new places."""
    moved = [one for one in kept if one.moved]
    if not moved:
        return
    places = {
        "organization_id": organization_id,
        "document_id": document_id,
        "ids": [one.chunk.id for one in moved],
        "ordinals": [one.ordinal for one in moved],
        "starts": [one.draft.start for one in moved],
        "stops": [one.draft.end for one in moved],
        "visibility": [one.draft.visibility for one in moved],
    }
    await session.execute(_MOVE_CHUNKS, places)


async def add_chunks(
    session: AsyncSession, change: Change, document_id: UUID, delta: Delta
) -> list[tuple[UUID, Draft]]:
    """Insert the new passages; return them with their ids."""
    added = [(new_id(), ordinal, draft) for ordinal, draft in change.difference.added]
    if not added:
        return []
    organization_id = change.task.organization_id
    counts = [count_terms(draft.words, organization_id=organization_id) for _, _, draft in added]
    lengths = [len(draft.words) for _, _, draft in added]
    for terms, length in zip(counts, lengths, strict=True):
        delta.count(terms, length=length, sign=1)
    drafts = [draft for _, _, draft in added]
    rows = {
        "ids": [identifier for identifier, _, _ in added],
        "ordinals": [ordinal for _, ordinal, _ in added],
        "visibility": [draft.visibility for draft in drafts],
        "roles": [draft.role for draft in drafts],
        "hashes": [draft.hash for draft in drafts],
        "keys": [draft.key for draft in drafts],
        "paths": [draft.heading_path for draft in drafts],
        "contents": [draft.content for draft in drafts],
        "starts": [draft.start for draft in drafts],
        "stops": [draft.end for draft in drafts],
        "lengths": lengths,
        "terms": [f"{{{','.join(map(str, sorted(terms)))}}}" for terms in counts],
        "bm25": [
            write_weights(bm25_weights(terms, length=length)) for terms, length in zip(counts, lengths, strict=True)
        ],
    }
    scope = {"organization_id": organization_id, "document_id": document_id, "source_type": change.task.source_type}
    await session.execute(_ADD_CHUNKS, scope | rows)
    return [(identifier, draft) for identifier, _, draft in added]
