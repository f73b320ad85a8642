"""Texts that name an article or an asset are read again when it comes or goes, so that the graph has it as they do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import SourceType
from helpdesk.queue.wake import INDEX, wake_after_commit
from helpdesk.rag.graph.names import LEAST_TITLE, asset_names
from helpdesk.rag.indexing.sources import Source
from helpdesk.rag.text.language import DEFAULT_LANGUAGES
from helpdesk.rag.text.terms import term_hash, words_of

# Behind everything that people wait for.
_PRIORITY = 1
# A name of words that stand in every text is not worth reading all of them again.
_MOST_A_NAME = 1000

_ASSET_NAMES = text("""
    SELECT unnest(ARRAY[tag, serial, hostname]) FROM assets WHERE organization_id = :organization_id AND id = :id
""")
_SOURCES = text("""
    SELECT source_type, source_id FROM rag_sources_with(:organization_id, CAST(:names AS int[]), CAST(:terms AS int[]),
           :most)
     WHERE source_id <> :own ORDER BY source_type, source_id
""")
_POINTING = text("""
    SELECT DISTINCT s.kind AS source_type, s.source_id FROM rag_nodes n
      JOIN rag_edges e ON e.destination = n.id AND e.origin IN ('explicit', 'rule')
      JOIN rag_nodes s ON s.id = e.source AND s.kind IN ('ticket', 'kb')
     WHERE n.organization_id = :organization_id AND n.kind = :kind AND n.source_id = :own
""")
# In the order of ids and before anything else of the transaction: whoever has one of them in hand and has come further
# holds what this transaction is going to need.
_LOCK = text("""
    SELECT q.id FROM rag_index_queue q
      JOIN unnest(CAST(:types AS text[]), CAST(:sources AS uuid[])) AS u (type, source)
        ON u.type = q.source_type AND u.source = q.source_id
     WHERE q.organization_id = :organization_id
     ORDER BY q.id FOR UPDATE OF q
""")
_REQUEST = text("""
    INSERT INTO rag_index_queue AS q (id, organization_id, source_type, source_id, action, priority)
    SELECT u.id, :organization_id, u.type, u.source, 'upsert', :priority
      FROM unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:sources AS uuid[])) AS u (id, type, source)
        ON CONFLICT (organization_id, source_type, source_id) DO UPDATE SET
           version = q.version + 1, attempts = 0, updated_at = now(),
           priority = CASE WHEN q.status = 'done' THEN excluded.priority ELSE q.priority END,
           run_after = CASE WHEN q.status = 'done' THEN now() ELSE q.run_after END,
           waiting_since = CASE WHEN q.status = 'done' THEN now() ELSE q.waiting_since END,
           status = CASE WHEN q.status = 'done' THEN 'pending' ELSE q.status END
""")
# The edge goes with its target. A source that had it is not as it was, even if it will say the same again.
_DISTRUST = text("""
    UPDATE rag_documents d SET content_hash = ''
      FROM unnest(CAST(:types AS text[]), CAST(:sources AS uuid[])) AS u (type, source)
     WHERE d.organization_id = :organization_id AND d.source_type = u.type AND d.source_id = u.source
""")


async def read_again_what_names(session: AsyncSession, *, organization_id: UUID, source: Source) -> None:
    """Queue the indexed tickets and articles whose words could name a new article or asset.

    Call it first in the transaction that indexes the source. What is read again and says nothing else costs no
    embedding.
    """
    groups = sorted(set(await _names(session, organization_id, source)))
    if not groups:
        return
    terms = [(number, term) for number, group in enumerate(groups) for term in group]
    found = await session.execute(
        _SOURCES,
        {
            "organization_id": organization_id,
            "names": [number for number, _ in terms],
            "terms": [term for _, term in terms],
            "most": _MOST_A_NAME,
            "own": source.id,
        },
    )
    await _read_again(session, organization_id, (source.type, source.id), [(row[0], row[1]) for row in found])


async def read_again_what_points_to(
    session: AsyncSession, *, organization_id: UUID, source_type: SourceType, source_id: UUID
) -> None:
    """Queue the tickets and articles that an article or asset which goes is joined to; call it first, as above."""
    scope = {"organization_id": organization_id}
    found = await session.execute(_POINTING, scope | {"kind": source_type, "own": source_id})
    pointing = [(row.source_type, row.source_id) for row in found]
    await _read_again(session, organization_id, (source_type, source_id), pointing)
    if pointing:
        await session.execute(_DISTRUST, scope | _columns(pointing))


async def _read_again(
    session: AsyncSession, organization_id: UUID, own: tuple[str, UUID], sources: list[tuple[str, UUID]]
) -> None:
    if not sources:
        return
    scope = {"organization_id": organization_id}
    await session.execute(_LOCK, scope | _columns([own, *sources]))
    ids = {"ids": [new_id() for _ in sources], "priority": _PRIORITY}
    await session.execute(_REQUEST, scope | ids | _columns(sources))
    wake_after_commit(session, INDEX)


def _columns(sources: list[tuple[str, UUID]]) -> dict[str, list[Any]]:
    return {"types": [kind for kind, _ in sources], "sources": [identifier for _, identifier in sources]}


async def _names(session: AsyncSession, organization_id: UUID, source: Source) -> list[tuple[int, ...]]:
    """Return the terms of each name that a text might use; all of them stand in a passage that does."""
    if source.type is SourceType.ASSET:
        rows = await session.scalars(_ASSET_NAMES, {"organization_id": organization_id, "id": source.id})
        names = [name.lower() for name in rows if name]
        return [(term_hash(name, organization_id),) for name in names if asset_names(name) == [name]]
    phrases = [str(source.meta["slug"])]
    if len(source.title) >= LEAST_TITLE:
        phrases.append(source.title)
    # A text is stemmed in its own language, whatever the article's is. In an address, a slug is no word of its own.
    spoken = [set(words_of(phrase, language)) - {phrases[0]} for phrase in phrases for language in DEFAULT_LANGUAGES]
    return [tuple(sorted(term_hash(word, organization_id) for word in words)) for words in spoken if len(words) > 1]
