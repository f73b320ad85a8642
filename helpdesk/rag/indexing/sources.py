"""What the index makes of a source: a document with its passages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.vectors import ticket_input
from helpdesk.rag.graph.links import Link
from helpdesk.rag.text.chunking import CHUNKER_VERSION, Passage, cut_markdown
from helpdesk.rag.text.cleaning import clean_markdown, clean_message, clean_text
from helpdesk.rag.text.language import detect_language
from helpdesk.rag.text.terms import words_of

Visibility = Literal["public", "internal"]
# Title and headings say what a passage is about: on the StackFAQ development set nDCG@10 .67 -> .70, on tickets of the
# demonstration .815 -> .826, on exact words .94 -> .94.
TITLE_WEIGHT = 2

PUBLIC: Visibility = "public"
INTERNAL: Visibility = "internal"


@dataclass(frozen=True)
class Piece:
    """One text of a source, such as a message or an article's body, as it is stored.

    Attributes:
        role: question, reply, note, resolution, body or facts.
        body: Markdown, mail text or HTML.
    """

    role: str
    visibility: Visibility
    body: str


@dataclass(frozen=True)
class Source:
    """A ticket, article or asset as the database holds it now.

    Attributes:
        version: the source's own version; an older one never replaces a newer one in the index.
        language: ISO 639-1 code where the source says it, None to find it out.
        facts: short words that belong to every passage, such as an article's products.
        meta: what searches filter and show, JSON values only.
        links: what the source refers to, for the graph.
    """

    type: SourceType
    id: UUID
    version: int
    title: str
    visibility: Visibility
    pieces: Sequence[Piece]
    language: str | None = None
    facts: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    links: Sequence[Link] = ()

    @cached_property
    def content_hash(self) -> bytes:
        """Return the hash of everything that the document is made from; equal means that nothing is to be done."""
        made_from = [
            CHUNKER_VERSION, self.type, self.title, self.visibility, self.language, self.facts, self.meta,
            [(piece.role, piece.visibility, piece.body) for piece in self.pieces],
            [(link.kind, link.target_kind, str(link.target), link.origin) for link in self.links],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(made_from, sort_keys=True, default=str).encode()).digest()


@dataclass(frozen=True)
class Draft:
    """A passage on its way into the index.

    Attributes:
        embedded: the text its vector is made from, without the model's prefix.
        words: its terms, those of title and headings twice.
        hash: equal hashes have equal vectors and equal term weights.
    """

    role: str
    visibility: Visibility
    heading_path: str
    content: str
    start: int
    end: int
    embedded: str
    words: Sequence[str]
    hash: bytes


@dataclass(frozen=True)
class Composed:
    """A source cut into passages, in order."""

    language: str | None
    drafts: Sequence[Draft]


def compose(source: Source) -> Composed:
    """Clean a source, cut it into passages and count their words."""
    title = clean_text(source.title)
    cleaned = [(piece, _cleaned(source.type, piece)) for piece in source.pieces]
    language = source.language or detect_language("\n".join([title, *(text for _, text in cleaned)]))
    drafts = [
        _draft(source, piece, passage, title=title, language=language, first=not number)
        for number, (piece, passage) in enumerate(_passages(cleaned, title))
    ]
    return Composed(language, drafts)


def _cleaned(source_type: SourceType, piece: Piece) -> str:
    return clean_message(piece.body) if source_type is SourceType.TICKET else clean_markdown(piece.body)


def _passages(cleaned: Sequence[tuple[Piece, str]], title: str) -> Iterator[tuple[Piece, Passage]]:
    found = False
    for piece, text in cleaned:
        for passage in cut_markdown(text):
            found = True
            yield piece, passage
    if not found and cleaned:
        # A source without a word is still found by its title.
        yield cleaned[0][0], Passage("", title, 0, len(title))


def _draft(source: Source, piece: Piece, passage: Passage, *, title: str, language: str | None, first: bool) -> Draft:
    above = _above(title, passage.heading_path, source.facts)
    embedded = f"{above}\n\n{passage.text}"
    if source.type is SourceType.TICKET and first:
        # The same text as every other reader of the ticket embeds, so that it is embedded once.
        embedded = ticket_input(source.title, piece.body)
    identity = "\x00".join((piece.role, language or "", above, embedded, passage.text))
    return Draft(
        role=piece.role,
        visibility=INTERNAL if INTERNAL in (piece.visibility, source.visibility) else PUBLIC,
        heading_path=passage.heading_path,
        content=passage.text,
        start=passage.start,
        end=passage.end,
        embedded=embedded,
        words=[*words_of(above, language) * TITLE_WEIGHT, *words_of(passage.text, language)],
        hash=hashlib.sha256(identity.encode()).digest(),
    )


def _above(title: str, heading_path: str, facts: tuple[str, ...]) -> str:
    """Return what stands over a passage: title (facts) > headings, a first heading that repeats the title left out."""
    headings = heading_path.removeprefix(title).removeprefix(" > ") if heading_path.startswith(title) else heading_path
    named = f"{title} ({', '.join(facts)})" if facts else title
    return f"{named} > {headings}" if headings else named
