"""The articles and settled tickets that a search found, as they stand now, in quotable units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.answers.article_units import Unit, units_of
from helpdesk.answers.grounding import flat
from helpdesk.models.values import ArticleVisibility, SourceType
from helpdesk.rag.retrieval.passages import ChunkText, chunks_of
from helpdesk.rag.retrieval.query import Audience, SearchResult, visible_to
from helpdesk.rag.text.cleaning import clean_markdown

_MOST_UNITS = 120
_DROPPED_CHARS = 200
# What a ticket's passages are called where they are cited.
_PARTS = {"resolution": "Resolution", "reply": "Reply", "note": "Internal note"}

# As they are published now, whatever the index still holds.
_ARTICLES = text("""
    SELECT a.id, a.slug, v.number, v.title, v.body, v.language
      FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
     WHERE a.organization_id = :organization_id AND a.id = ANY(CAST(:ids AS uuid[]))
       AND a.state = 'published' AND a.visibility = ANY(CAST(:visibility AS text[]))
""")
_TICKETS = text("""
    SELECT id, number, subject, language FROM tickets
     WHERE organization_id = :organization_id AND id = ANY(CAST(:ids AS uuid[])) AND status IN ('solved', 'closed')
""")


@dataclass(frozen=True)
class Document:
    """A source that was found, taken apart.

    Attributes:
        reference: what names it to people: slug and version of an article, number of a ticket.
        passages: id and bare words of its passages in the index.
        withheld: what of it talks to a model instead of to people, and is neither quoted nor shown to one.
    """

    found: SearchResult
    title: str
    language: str | None
    units: list[Unit]
    reference: dict[str, Any]
    passages: list[tuple[UUID, str]] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)


async def read_documents(
    session: AsyncSession, *, organization_id: UUID, found: Sequence[SearchResult], audience: Audience
) -> list[Document]:
    """Return what was found in the same order, without what was taken back meanwhile or has nothing to quote."""
    wanted = {"organization_id": organization_id, "ids": [result.source_id for result in found]}
    articles = await session.execute(_ARTICLES, wanted | {"visibility": _articles_for(audience)})
    rows: dict[UUID, RowMapping] = {row["id"]: row for row in articles.mappings()}
    if audience is Audience.AGENTS:
        rows |= {row["id"]: row for row in (await session.execute(_TICKETS, wanted)).mappings()}
    passages: defaultdict[UUID, list[ChunkText]] = defaultdict(list)
    for chunk in await chunks_of(
        session,
        organization_id=organization_id,
        document_ids=[result.document_id for result in found],
        visibility=visible_to(audience),
    ):
        passages[chunk.source_id].append(chunk)
    documents = [
        _document(result, rows[result.source_id], passages[result.source_id])
        for result in found
        if result.source_id in rows
    ]
    return [document for document in documents if document.units]


def _articles_for(audience: Audience) -> list[str]:
    match audience:
        case Audience.PUBLIC:
            return [ArticleVisibility.PUBLIC]
        case Audience.CUSTOMERS:
            return [ArticleVisibility.PUBLIC, ArticleVisibility.CUSTOMERS]
        case Audience.AGENTS:
            return list(ArticleVisibility)
        case _:
            assert_never(audience)


def _document(result: SearchResult, row: RowMapping, chunks: Sequence[ChunkText]) -> Document:
    passages = [(chunk.id, flat(chunk.content)) for chunk in chunks]
    if result.source_type is SourceType.TICKET:
        units, withheld = _without_orders(_units_of_ticket(chunks))
        return Document(result, row["subject"], row["language"], units, {"number": row["number"]}, passages, withheld)
    units, withheld = _without_orders(units_of(clean_markdown(row["body"]))[:_MOST_UNITS])
    if addresses_a_model(row["title"]):
        units, withheld = [], [row["title"]]
    reference = {"slug": row["slug"], "version": row["number"]}
    return Document(result, row["title"], row["language"], units, reference, passages, withheld)


def _units_of_ticket(chunks: Sequence[ChunkText]) -> list[Unit]:
    """Return what solved a ticket, each passage a section of its own; what was asked is no answer."""
    units: list[Unit] = []
    for section, chunk in enumerate((chunk for chunk in chunks if chunk.role in _PARTS), start=1):
        for unit in units_of(chunk.content):
            place = len(units)
            units.append(
                replace(unit, heading=_PARTS[chunk.role], section=section, order=place, run=1000 * section + unit.run)
            )
    return units[:_MOST_UNITS]


def _without_orders(units: Sequence[Unit]) -> tuple[list[Unit], list[str]]:
    """Take out paragraphs and lists that give orders to a model, and the sections whose heading does."""
    runs = {unit.run for unit in units if addresses_a_model(unit.text) or addresses_a_model(unit.heading)}
    withheld = [unit.text[:_DROPPED_CHARS] for unit in units if unit.run in runs]
    return [unit for unit in units if unit.run not in runs], withheld
