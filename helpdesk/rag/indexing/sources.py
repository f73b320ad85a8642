"""What the index makes of a source: a document with its passages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.vectors import ticket_input
from helpdesk.rag.graph.links import EXTRACTOR_VERSION, Link
from helpdesk.rag.text.chunking import PASSAGE_CHARS, Passage, cut_markdown, cut_plain, cutting_rules
from helpdesk.rag.text.cleaning import clean_markdown, clean_message, clean_text
from helpdesk.rag.text.language import detect_language
from helpdesk.rag.text.terms import words_of

Visibility = Literal["public", "customers", "internal"]
# Title and headings say what a passage is about: on the StackFAQ development set nDCG@10 .67 -> .70, on tickets of the
# demonstration .815 -> .826, on exact words .94 -> .94.
TITLE_WEIGHT = 2
_ABOVE_CHARS = 400

PUBLIC: Visibility = "public"
CUSTOMERS: Visibility = "customers"
INTERNAL: Visibility = "internal"
ATTACHMENT = "attachment"
# From what everybody may read to what agents alone may.
_NARROWING = (PUBLIC, CUSTOMERS, INTERNAL)


@dataclass(frozen=True)
class Piece:
    """One text of a source, such as a message or an article's body, as it is stored.

    Attributes:
        role: question, reply, note, resolution, attachment, body or facts.
        body: Markdown, mail text or HTML.
        name: what it is called, such as a file; it stands over its passages as a heading does.
        plain: whether nothing in it is markup.
    """

    role: str
    visibility: Visibility
    body: str
    name: str = ""
    plain: bool = False


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
            EXTRACTOR_VERSION, self.type, self.title, self.visibility, self.language, self.facts, self.meta,
            [(piece.role, piece.visibility, piece.body, piece.name, piece.plain) for piece in self.pieces],
            [(link.kind, link.target_kind, link.target, link.origin, link.happened_at) for link in self.links],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(made_from, sort_keys=True, default=str).encode()).digest()


@dataclass(frozen=True)
class Draft:
    """A passage on its way into the index.

    Attributes:
        embedded: the text its vector is made from, without the model's prefix.
        words: its terms, those of title and headings twice.
        key: equal keys have equal vectors, whatever document they stand in.
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
    key: UUID
    hash: bytes


@dataclass(frozen=True)
class Composed:
    """A source cut into passages, in order, by the rules of that number."""

    language: str | None
    drafts: Sequence[Draft]
    rules: int


def compose(source: Source, *, most_chars: int = PASSAGE_CHARS) -> Composed:
    """Clean a source, cut it into passages of at most `most_chars` and count their words."""
    title = clean_text(source.title)
    cleaned = [(piece, _cleaned(source.type, piece)) for piece in source.pieces]
    # A file may be in any language, a log in none; the ticket's is what people wrote.
    written = (text for piece, text in cleaned if piece.role != ATTACHMENT)
    language = source.language or detect_language("\n".join([title, *written]))
    drafts = [
        _draft(source, piece, passage, title=title, language=language, first=not number)
        for number, (piece, passage) in enumerate(_passages(cleaned, title, most_chars))
    ]
    return Composed(language, drafts, cutting_rules(most_chars))


def _cleaned(source_type: SourceType, piece: Piece) -> str:
    if piece.plain:
        return clean_text(piece.body)
    is_mail = source_type is SourceType.TICKET and piece.role != ATTACHMENT
    return clean_message(piece.body) if is_mail else clean_markdown(piece.body)


def _passages(cleaned: Sequence[tuple[Piece, str]], title: str, most_chars: int) -> Iterator[tuple[Piece, Passage]]:
    found = False
    for piece, text in cleaned:
        cut = cut_plain if piece.plain else cut_markdown
        for passage in cut(text, most_chars=most_chars):
            found = True
            path = " > ".join(filter(None, (piece.name, passage.heading_path)))
            yield piece, replace(passage, heading_path=path)
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
        visibility=max(piece.visibility, source.visibility, key=_NARROWING.index),
        heading_path=passage.heading_path,
        content=passage.text,
        start=passage.start,
        end=passage.end,
        embedded=embedded,
        words=[*words_of(above, language) * TITLE_WEIGHT, *words_of(passage.text, language)],
        key=key_of(embedded),
        hash=hashlib.sha256(identity.encode()).digest(),
    )


def key_of(embedded: str) -> UUID:
    """Return the key of a text that vectors are made from: half of its SHA-256."""
    return UUID(bytes=hashlib.sha256(embedded.encode()).digest()[:16])


def _above(title: str, heading_path: str, facts: tuple[str, ...]) -> str:
    """Return what stands over a passage: title (facts) > headings, a first heading that repeats the title left out."""
    headings = heading_path.removeprefix(title).removeprefix(" > ") if heading_path.startswith(title) else heading_path
    named = f"{title} ({', '.join(facts)})" if facts else title
    above = f"{named} > {headings}" if headings else named
    # What stands over a passage must leave room for it in what a model reads.
    return above[:_ABOVE_CHARS]
