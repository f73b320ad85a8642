"""What a reply may be made of: the published article that answers the ticket, and what of it to quote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder
from helpdesk.answers.article_units import Unit, units_of
from helpdesk.answers.closeness import UNIT_CHARS, closeness_of
from helpdesk.answers.extract import choose, section_texts
from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType
from helpdesk.rag.questions import Question
from helpdesk.rag.retrieval.query import Audience, SearchAnswer, SearchQuery, SearchResult, visible_to
from helpdesk.rag.retrieval.search import search
from helpdesk.rag.text.cleaning import clean_markdown

_LOOKED_AT = 3
_MOST_UNITS_READ = 120

# Only what customers may read, as it is published now, whatever the index still holds.
_ARTICLE = text("""
    SELECT a.id, a.slug, v.number, v.title, v.body, v.language
      FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
     WHERE a.organization_id = :organization_id AND a.id = :article_id
       AND a.state = 'published' AND a.visibility IN ('public', 'customers')
""")


@dataclass(frozen=True)
class Article:
    """An article as its readers see it."""

    id: UUID
    slug: str
    number: int
    title: str
    body: str
    language: str


@dataclass(frozen=True)
class Evidence:
    """An article, what of it to quote, and each quoted section as a source `S1`, `S2`, ...

    Attributes:
        cite_of: the source's id by the number of its section.
        texts: the sources' whole texts by id.
    """

    article: Article
    found: SearchResult
    units: list[Unit]
    cite_of: dict[int, str]
    texts: dict[str, str]

    def sources(self) -> list[dict[str, Any]]:
        """Return the sources as they are kept with the draft."""
        headings = {unit.section: unit.heading for unit in self.units}
        return [
            {
                "id": identifier,
                "title": self.article.title,
                "article_id": str(self.article.id),
                "slug": self.article.slug,
                "version": self.article.number,
                "heading": headings[section],
                "quote": " ".join(unit.text for unit in self.units if unit.section == section)[:UNIT_CHARS],
                "relevance": round(self.found.relevance, 4),
            }
            for section, identifier in self.cite_of.items()
        ]


async def look_up(
    session: AsyncSession, *, organization_id: UUID, question: Question, vector: NDArray[np.float32] | None
) -> tuple[SearchAnswer, Article | None]:
    """Search what customers may read; return the answer, and the best article that is still published."""
    query = SearchQuery(
        text=question.text,
        vector=vector,
        types=(SourceType.KB,),
        visibility=visible_to(Audience.CUSTOMERS),
        limit=_LOOKED_AT,
    )
    answer = await search(session, organization_id=organization_id, query=query)
    for result in answer.results:
        row = (
            (await session.execute(_ARTICLE, {"organization_id": organization_id, "article_id": result.source_id}))
            .mappings()
            .one_or_none()
        )
        if row is not None:
            return answer, Article(**row)
    return answer, None


async def quote(
    database: Database,
    embedder: Embedder,
    *,
    organization_id: UUID,
    question: Question,
    vector: NDArray[np.float32] | None,
    article: Article,
    found: SearchResult,
    now: datetime,
) -> Evidence:
    """Choose what of an article to quote; raise ModelBusy when its sentences cannot be compared for now."""
    units = units_of(clean_markdown(article.body))[:_MOST_UNITS_READ]
    sections = section_texts(units)
    texts = [unit.text[:UNIT_CHARS] for unit in units] + list(sections.values())
    closeness = await closeness_of(
        database,
        embedder,
        organization_id=organization_id,
        question=question.text,
        vector=vector,
        texts=texts,
        language=article.language,
        now=now,
    )
    chosen = choose(
        units,
        closeness[: len(units)],
        sections=dict(zip(sections, closeness[len(units) :], strict=True)),
        found_under=found.heading_path,
    )
    quoted = list(dict.fromkeys(unit.section for unit in chosen))
    cite_of = {section: f"S{number}" for number, section in enumerate(quoted, start=1)}
    whole = {
        identifier: "\n".join([article.title, *(unit.text for unit in units if unit.section == section)])
        for section, identifier in cite_of.items()
    }
    return Evidence(article, found, chosen, cite_of, whole)
