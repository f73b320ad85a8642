"""What an answer may be made of: numbered sections of what was found, and what of them answers by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import Embedder
from helpdesk.answers.article_units import Unit
from helpdesk.answers.closeness import UNIT_CHARS, closeness_of, shared_words
from helpdesk.answers.documents import Document
from helpdesk.answers.extract import MOST_UNITS, Scored, choose, closeness_of_sections, has_gaps, section_texts, within
from helpdesk.answers.grounding import flat
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable

MOST_SOURCES = 6
_SNIPPET_CHARS = 240
_START_CHARS = 60
_WORD = re.compile(r"\w+")
# A long article is compared only where the search or the words point.
_ALL_COMPARED = 30
_SECTIONS_BY_WORDS = 3
# A further document is quoted when it is about as probable, and about as close, as the first.
_SHARE_OF_FIRST = 0.6
_CLOSE_AS_FIRST = 0.03
_MOST_OF_FURTHER = 5


@dataclass(frozen=True)
class Source:
    """A section of a document under the number that sentences cite."""

    id: str
    document: Document
    heading: str
    units: list[Unit]

    @property
    def text(self) -> str:
        """Return all of it, the title and the heading first."""
        return "\n".join([self.document.title, self.heading, *(unit.text for unit in self.units)])

    def as_json(self) -> dict[str, Any]:
        """Return it as it is shown and kept."""
        found = self.document.found
        chunks = self._chunks()
        words = " ".join(unit.text for unit in self.units)
        is_shown = found.chunk_id in chunks and self._has(found.snippet)
        return {
            "id": self.id,
            "type": found.source_type.value,
            "source_id": str(found.source_id),
            "title": self.document.title,
            "heading": self.heading,
            "snippet": found.snippet if is_shown else words[:_SNIPPET_CHARS],
            "relevance": round(found.relevance, 4),
            "language": self.document.language,
            "chunk_ids": [str(chunk) for chunk in chunks],
            **self.document.reference,
        }

    def _has(self, snippet: str) -> bool:
        """Return whether every word of a snippet is one that can be quoted; the index may hold what is not shown."""
        return set(_WORD.findall(flat(snippet))) <= set(_WORD.findall(flat(self.text)))

    def _chunks(self) -> list[UUID]:
        """Return the passages of the index that hold some of it."""
        starts = [flat(unit.text)[:_START_CHARS] for unit in self.units]
        return [chunk for chunk, words in self.document.passages if any(start in words for start in starts)]


@dataclass(frozen=True)
class Quote:
    """A unit that answers word for word, and where it stands."""

    unit: Unit
    source: Source


@dataclass(frozen=True)
class Evidence:
    """The sources of one answer, and what can be quoted of them.

    Attributes:
        by_words: there were no vectors, so that words alone chose.
    """

    sources: list[Source]
    quotes: list[Quote]
    by_words: bool = False
    withheld: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Compared:
    """A document with the closeness of its sections, and what of it to quote."""

    document: Document
    closeness: dict[int, float]
    chosen: list[Unit]

    @property
    def best(self) -> float:
        return max(self.closeness.values())


async def gather_evidence(
    database: Database,
    embedder: Embedder,
    *,
    organization_id: UUID,
    question: str,
    vector: NDArray[np.float32] | None,
    documents: Sequence[Document],
    now: datetime,
) -> Evidence:
    """Choose what to quote of documents, the best first; words decide where vectors cannot be had."""
    compared: list[_Compared] = []
    by_words = vector is None
    for document in documents:
        units = _worth_comparing(document, question)
        sections = section_texts(units)
        texts = [unit.text[:UNIT_CHARS] for unit in units] + list(sections.values())
        try:
            values = await closeness_of(
                database,
                embedder,
                organization_id=organization_id,
                question=question,
                # What will not be quoted is only put in an order, and that for words alone.
                vector=vector if not by_words and _may_be_quoted(document, documents[0]) else None,
                texts=texts,
                language=document.language,
                now=now,
            )
        except Unavailable:
            by_words, values = True, shared_words(question, texts, document.language)
        compared.append(_compare(document, units, values, sections))
    quoted = _quoted(compared)
    return Evidence(
        *_numbered(compared, quoted),
        by_words=by_words,
        withheld=[words for document in documents for words in document.withheld],
    )


def _may_be_quoted(document: Document, first: Document) -> bool:
    """Return whether a document is the first one, or about as probable."""
    return document is first or document.found.relevance >= _SHARE_OF_FIRST * first.found.relevance


def _worth_comparing(document: Document, question: str) -> list[Unit]:
    """Return the units of the sections that the search or the question's words point to, and every warning.

    A warning that is a step or a line of a paragraph comes with all of it.
    """
    if len(document.units) <= _ALL_COMPARED:
        return document.units
    path = {part.strip() for part in document.found.heading_path.split(">")}
    sections = section_texts(document.units)
    shares = dict(zip(sections, shared_words(question, list(sections.values()), document.language), strict=True))
    kept = set(sorted(shares, key=lambda section: -shares[section])[:_SECTIONS_BY_WORDS])
    kept |= {unit.section for unit in document.units if unit.heading in path}
    warned = {unit.run for unit in document.units if unit.is_warning}
    return [unit for unit in document.units if unit.section in kept or unit.run in warned]


def _compare(document: Document, units: Sequence[Unit], values: Sequence[float], sections: dict[int, str]) -> _Compared:
    similarity = values[: len(units)]
    whole = dict(zip(sections, values[len(units) :], strict=True))
    path = document.found.heading_path
    scored = [Scored(unit, value) for unit, value in zip(units, similarity, strict=True)]
    return _Compared(
        document,
        closeness_of_sections(scored, whole, path),
        choose(units, similarity, sections=whole, found_under=path),
    )


def _quoted(compared: Sequence[_Compared]) -> list[tuple[_Compared, list[Unit]]]:
    """Return what is quoted of which document: the first, and another one that says as much."""
    if not compared:
        return []
    first = compared[0]
    quoted = [(first, first.chosen)]
    for other in compared[1:]:
        room = min(_MOST_OF_FURTHER, MOST_UNITS - sum(len(units) for _, units in quoted))
        if _may_be_quoted(other.document, first.document) and other.best >= first.best - _CLOSE_AS_FIRST and room > 0:
            kept = within(list(other.chosen), room)
            # Steps that are missing between others do harm; then the reply is longer.
            quoted.append((other, list(other.chosen) if has_gaps(kept, other.chosen) else kept))
    return quoted


def _numbered(
    compared: Sequence[_Compared], quoted: Sequence[tuple[_Compared, list[Unit]]]
) -> tuple[list[Source], list[Quote]]:
    """Number the sections that are quoted, then those that come next."""
    sources: dict[tuple[int, int], Source] = {}

    def source_of(one: _Compared, section: int) -> Source:
        key = (id(one), section)
        if key not in sources:
            units = [unit for unit in one.document.units if unit.section == section]
            sources[key] = Source(f"S{len(sources) + 1}", one.document, units[0].heading, units)
        return sources[key]

    quotes = [Quote(unit, source_of(one, unit.section)) for one, units in quoted for unit in units]
    further = sorted(
        ((one.document.found.relevance * value, place, section) for place, one in enumerate(compared)
         for section, value in one.closeness.items() if (id(one), section) not in sources),
        key=lambda entry: (-entry[0], entry[1], entry[2]),
    )  # fmt: skip
    for _, place, section in further[: max(0, MOST_SOURCES - len(sources))]:
        source_of(compared[place], section)
    return list(sources.values()), quotes
