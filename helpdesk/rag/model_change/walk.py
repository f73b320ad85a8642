"""One step of the walk over an organisation's documents: which passages lack a vector, and of what text.

A passage keeps its words and its place, not the text its vector is made from, which is longer: with title, headings and
product, and for a ticket with its question as everybody compares it. That text is composed again from the source, by
the very code that cut the passage, and known again by the passage's hash. Where the source has changed meanwhile, the
passage is about to be replaced; until then the words over it and its own serve.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.indexing.load import load_sources
from helpdesk.rag.indexing.second_writes import Lacking
from helpdesk.rag.indexing.sources import Source, compose

log = structlog.get_logger(__name__)

# One step: its passages are embedded together, in two or three calls, and written in one transaction.
DOCUMENTS = 20
PASSAGES = 64

_CURSOR = text("""
    SELECT after_type, after_source FROM rag_backfills
     WHERE model_id = :model_id AND organization_id = :organization_id
""")
_MOVE_CURSOR = text("""
    INSERT INTO rag_backfills AS b (model_id, organization_id, after_type, after_source, vectors, walked_at)
    VALUES (:model_id, :organization_id, :after_type, :after_source, :vectors, :now)
        ON CONFLICT (model_id, organization_id) DO UPDATE SET
           after_type = excluded.after_type, after_source = excluded.after_source,
           vectors = b.vectors + excluded.vectors, walked_at = excluded.walked_at
""")
# {vectors} is the name of a model's table, made by the database itself.
_NEXT = """
    SELECT d.id, d.source_type, d.source_id FROM rag_documents d
     WHERE d.organization_id = :organization_id AND d.deleted_at IS NULL
       AND (d.source_type, d.source_id) > (:after_type, CAST(:after_source AS uuid))
       AND EXISTS (SELECT FROM rag_chunks c
                    WHERE c.document_id = d.id
                      AND NOT EXISTS (SELECT FROM {vectors} v WHERE v.chunk_id = c.id)
                      AND NOT EXISTS (SELECT FROM rag_refused_passages r
                                       WHERE r.model_id = :model_id AND r.chunk_id = c.id))
     ORDER BY d.source_type, d.source_id LIMIT :most
"""
_LACKING = """
    SELECT d.source_type, d.source_id, d.title, c.id, c.chunk_hash, c.heading_path, c.content
      FROM rag_chunks c JOIN rag_documents d ON d.id = c.document_id
     WHERE c.organization_id = :organization_id AND c.document_id = ANY(CAST(:documents AS uuid[]))
       AND NOT EXISTS (SELECT FROM {vectors} v WHERE v.chunk_id = c.id)
       AND NOT EXISTS (SELECT FROM rag_refused_passages r WHERE r.model_id = :model_id AND r.chunk_id = c.id)
     ORDER BY d.source_type, d.source_id, c.ordinal LIMIT :most
"""
_FIRST = UUID(int=0)

Place = tuple[str, UUID]


@dataclass(frozen=True)
class Step:
    """What comes next in an organisation.

    Attributes:
        begin, end: type and id of the source after which the step begins, None at the very first one, and of its last.
        whole: whether these are all passages that lack a vector up to its end.
    """

    passages: Sequence[Lacking]
    begin: Place | None
    end: Place
    whole: bool

    def place_after(self, vectors: int) -> Place | None:
        """Return where the next step begins: at the same place when there is more, unless nothing could be made."""
        return self.end if self.whole or not vectors else self.begin


async def next_step(session: AsyncSession, *, organization_id: UUID, model: ActiveModel) -> Step | None:
    """Return the next passages that lack a vector of a model, None when the walk is at its end."""
    scope: dict[str, Any] = {"organization_id": organization_id, "model_id": model.id}
    cursor = (await session.execute(_CURSOR, scope)).one_or_none()
    after = {
        "after_type": cursor.after_type if cursor else "",
        "after_source": (cursor.after_source if cursor else None) or _FIRST,
    }
    documents = (
        (await session.execute(text(_NEXT.format(vectors=model.table_name)), scope | after | {"most": DOCUMENTS}))
        .mappings()
        .all()
    )
    if not documents:
        return None
    chosen = {"documents": [row["id"] for row in documents], "most": PASSAGES}
    rows = (await session.execute(text(_LACKING.format(vectors=model.table_name)), scope | chosen)).mappings().all()
    sources = await _sources(session, organization_id, documents)
    last = documents[-1]
    return Step(
        passages=_passages(organization_id, rows, sources),
        begin=(cursor.after_type, cursor.after_source) if cursor and cursor.after_source else None,
        end=(last["source_type"], last["source_id"]),
        whole=len(rows) < PASSAGES,
    )


async def move_cursor(
    session: AsyncSession,
    *,
    organization_id: UUID,
    model: ActiveModel,
    place: Place | None,
    vectors: int,
    now: datetime,
) -> None:
    """Keep where the walk has come to, in the transaction that writes the vectors; without a place it begins anew."""
    await session.execute(
        _MOVE_CURSOR,
        {
            "organization_id": organization_id,
            "model_id": model.id,
            "after_type": place[0] if place else "",
            "after_source": place[1] if place else None,
            "vectors": vectors,
            "now": now,
        },
    )


async def _sources(
    session: AsyncSession, organization_id: UUID, documents: Sequence[RowMapping]
) -> dict[Place, Source]:
    by_type: defaultdict[SourceType, list[UUID]] = defaultdict(list)
    for row in documents:
        by_type[SourceType(row["source_type"])].append(row["source_id"])
    found: dict[Place, Source] = {}
    for source_type, ids in by_type.items():
        loaded = await load_sources(session, organization_id=organization_id, source_type=source_type, ids=ids)
        found.update({(str(source_type), identifier): source for identifier, source in loaded.items()})
    return found


def _passages(organization_id: UUID, rows: Sequence[RowMapping], sources: dict[Place, Source]) -> list[Lacking]:
    by_source: defaultdict[Place, list[RowMapping]] = defaultdict(list)
    for row in rows:
        by_source[row["source_type"], row["source_id"]].append(row)
    passages: list[Lacking] = []
    for place, own in by_source.items():
        texts, question = _texts(sources.get(place))
        for row in own:
            words = texts.get(row["chunk_hash"]) or _as_it_stands(row)
            of_ticket = place[0] == SourceType.TICKET and row["chunk_hash"] == question
            passages.append(Lacking(organization_id, row["id"], words, of_ticket=of_ticket))
    return passages


def _texts(source: Source | None) -> tuple[dict[bytes, str], bytes | None]:
    """Return the texts of a source's passages by their hash, and the hash of the first."""
    if source is None:
        return {}, None
    try:
        drafts = compose(source).drafts
    except Exception as error:  # whatever a text does to a parser, its passages still have their words
        log.warning("source_not_composed", source_id=str(source.id), error=f"{type(error).__name__}: {error}")
        return {}, None
    return {draft.hash: draft.embedded for draft in drafts}, drafts[0].hash if drafts else None


def _as_it_stands(row: RowMapping) -> str:
    """Return the text of a passage whose source has changed since."""
    above = row["title"]
    if row["heading_path"] and row["heading_path"] != above:
        above = f"{above} > {row['heading_path']}"
    return f"{above}\n\n{row['content']}"
