"""An article taken apart into what a reply can quote: sentences, steps, list items and table rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

Kind = Literal["sentence", "step", "item", "row", "command"]

# A full stop ends a sentence when a new one begins after it; abbreviations are followed by small letters or digits.
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”)]*\s+(?=[\"“(]?[A-ZÄÖÜÀÉÈÊÎÔÇÑ¿¡0-9`])")
# "Never answered" and "if pages don't load" tell what happens; as an order the words begin a clause.
_WARNING = re.compile(
    r"(?i)(?:^\W*|[,;:.!?\u2013-] |\b(?:and|but|or|please|so|then) )(?:do not|don.t|never)\b"
    r"(?! (?:need|have|worry|know))"
    r"|\b(?:must not|must never|should not|should never|stop (?:using|immediately|the)|danger\w*|leave the room|"
    r"niemals|keinesfalls|auf keinen fall|gefahr|gefährlich|nicht (?:laden|öffnen|benutzen|verwenden|weiter)|"
    r"jamais|dangere|ne (?:\w+ ){1,3}pas|nooit|gevaar|nunca|peligro|non (?:\w+ ){0,2}mai|pericolo)\b"
    r"|^\W*(?:warning|caution|important|achtung|vorsicht|wichtig|attention|let op|waarschuwing|atención|advertencia|"
    r"attenzione|avvertenza)\b"
)


@dataclass(frozen=True)
class Unit:
    """Something that can be quoted word for word.

    Attributes:
        text: the words, without markup.
        heading: the heading it stands under, empty above the first.
        section: number of the section, from 0 for what stands above the first heading.
        order: place in the article.
        number: number of a step in its list.
        run: number of the paragraph, list or table it belongs to.
        is_warning: it says what must not be done, or that something is dangerous.
    """

    kind: Kind
    text: str
    heading: str
    section: int
    order: int
    run: int
    number: int | None = None
    is_warning: bool = False


@dataclass(frozen=True)
class _Block:
    kind: Kind
    text: str
    number: int | None = None


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def units_of(markdown: str) -> list[Unit]:
    """Return the units of an article in order."""
    units: list[Unit] = []
    heading, section = "", 0
    tokens = _parser().parse(markdown)
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            heading, section = _plain(tokens[position + 1]), section + 1
            continue
        for block in _blocks_at(tokens, position):
            texts = sentences_of(block.text) if block.kind == "sentence" else [block.text]
            for text in texts:
                warns = _WARNING.search(text) is not None
                units.append(Unit(block.kind, text, heading, section, len(units), position, block.number, warns))
    return units


def _blocks_at(tokens: Sequence[Token], position: int) -> Iterator[_Block]:
    """Yield what a token begins: an outermost list as its items, a table as its rows, code, or a paragraph."""
    token = tokens[position]
    if token.level != 0:
        return
    match token.type:
        case "ordered_list_open" | "bullet_list_open":
            yield from _items(tokens, position)
        case "table_open":
            yield from _rows(tokens, position)
        case "fence" | "code_block":
            yield _Block("command", token.content.strip())
        case "paragraph_open":
            yield _Block("sentence", _plain(tokens[position + 1]))
        case "blockquote_open":
            for inner in _inside(tokens, position):
                if inner.type == "inline":
                    yield _Block("sentence", _plain(inner))


def _inside(tokens: Sequence[Token], position: int) -> Iterator[Token]:
    """Yield the tokens between an opening token and the one that closes it."""
    for token in tokens[position + 1 :]:
        if token.level == tokens[position].level and token.nesting == -1:
            return
        yield token


def _items(tokens: Sequence[Token], position: int) -> Iterator[_Block]:
    ordered = tokens[position].type == "ordered_list_open"
    number = int(tokens[position].attrGet("start") or 1) if ordered else None
    level = tokens[position].level + 1
    words: list[str] = []
    for token in _inside(tokens, position):
        if token.type == "list_item_open" and token.level == level:
            words = []
        elif token.type == "inline":
            words.append(_plain(token))
        elif token.type in {"fence", "code_block"}:
            words.append(token.content.strip())
        elif token.type == "list_item_close" and token.level == level and words:
            yield _Block("step" if ordered else "item", " ".join(words), number)
            number = None if number is None else number + 1


def _rows(tokens: Sequence[Token], position: int) -> Iterator[_Block]:
    header: list[str] = []
    cells: list[str] = []
    for token in _inside(tokens, position):
        if token.type == "inline":
            cells.append(_plain(token))
        elif token.type == "tr_close":
            if header:
                pairs = (f"{name}: {cell}" for name, cell in zip(header, cells, strict=False) if cell)
                yield _Block("row", "; ".join(pairs))
            else:
                header = cells
            cells = []


def _plain(token: Token) -> str:
    """Return inline text without markup; a link keeps its address unless its text is the address."""
    words: list[str] = []
    address = ""
    for child in token.children or ():
        if child.type in {"text", "code_inline"}:
            words.append(child.content)
        elif child.type in {"softbreak", "hardbreak"}:
            words.append(" ")
        elif child.type == "link_open":
            address = str(child.attrGet("href") or "")
        elif child.type == "link_close" and address.startswith("http") and address not in "".join(words):
            words.append(f" ({address})")
    return " ".join("".join(words).split())


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a paragraph."""
    return [sentence.strip() for sentence in _SENTENCE_END.split(text) if sentence.strip()]
