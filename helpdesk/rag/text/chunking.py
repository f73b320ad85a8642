"""Cut a text into passages of one thought each, with the headings they stand under."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from semantic_text_splitter import MarkdownSplitter

# A changed rule cuts and weighs every document anew.
CHUNKER_VERSION = 1
# About 200 tokens of prose: what the smallest usual model reads (256) less title and headings.
PASSAGE_CHARS = 800
# A shorter section joins the next one: a vector of a few words finds everything.
_SHORT_SECTION_CHARS = 160


@dataclass(frozen=True)
class Passage:
    """A part of a text: `text == whole[start:end]`, offsets in characters."""

    heading_path: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class _Section:
    heading_path: tuple[str, ...]
    start: int
    end: int
    body_start: int


def cut_markdown(text: str) -> list[Passage]:
    """Return the passages of a Markdown text in order.

    A section is one passage where it fits; a longer one is cut between blocks, sentences or words, in this order.
    A heading with nothing beneath it, and a very short section, go with what follows.
    """
    passages: list[Passage] = []
    for section in _merged(text, list(_sections(text))):
        path = " > ".join(section.heading_path)
        for start, end in _pieces(text, section.start, section.end):
            passages.append(Passage(path, text[start:end], start, end))
    return passages


@cache
def _block_parser() -> MarkdownIt:
    return MarkdownIt("commonmark").disable("inline")


@cache
def _splitter() -> MarkdownSplitter:
    return MarkdownSplitter(PASSAGE_CHARS)


def _sections(text: str) -> Iterator[_Section]:
    starts = _line_starts(text)
    path: list[tuple[int, str]] = []
    start = body_start = 0
    tokens = _block_parser().parse(text)
    for token, inline in pairwise(tokens):
        if token.type != "heading_open" or token.map is None or token.level:
            continue
        here = starts[token.map[0]]
        if text[start:here].strip():
            yield _Section(tuple(name for _, name in path), start, here, body_start)
        depth = int(token.tag[1:])
        path = [(above, name) for above, name in path if above < depth] + [(depth, _plain(inline.content))]
        start, body_start = here, starts[token.map[1]]
    if text[start:].strip():
        yield _Section(tuple(name for _, name in path), start, len(text), body_start)


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    starts[-1] = len(text)
    return starts


def _plain(heading: str) -> str:
    return heading.replace("**", "").replace("`", "").strip()


def _merged(text: str, sections: list[_Section]) -> Iterator[_Section]:
    """Join headings without a body, and short sections, with the section that follows them."""
    waiting: _Section | None = None
    for section in sections:
        current = section
        if waiting is not None:
            current = _joined(waiting, section, empty=not text[waiting.body_start : waiting.end].strip())
        if _is_short(text, current) and section is not sections[-1]:
            waiting = current
            continue
        waiting = None
        yield current


def _is_short(text: str, section: _Section) -> bool:
    return len(text[section.body_start : section.end].strip()) < _SHORT_SECTION_CHARS


def _joined(first: _Section, second: _Section, *, empty: bool) -> _Section:
    if empty:
        return _Section(second.heading_path, first.start, second.end, second.body_start)
    shared = [a for a, b in zip(first.heading_path, second.heading_path, strict=False) if a == b]
    return _Section(tuple(shared) or first.heading_path, first.start, second.end, first.body_start)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    whole = text[start:end]
    if len(whole.strip()) <= PASSAGE_CHARS:
        begin = start + len(whole) - len(whole.lstrip())
        yield begin, begin + len(whole.strip())
        return
    waiting: int | None = None
    pieces = list(_splitter().chunk_indices(whole))
    for number, (offset, piece) in enumerate(pieces):
        begin = offset if waiting is None else waiting
        if _only_headings(piece) and number + 1 < len(pieces):
            waiting = begin
            continue
        waiting = None
        yield start + begin, start + offset + len(piece)


def _only_headings(piece: str) -> bool:
    return all(line.lstrip().startswith("#") for line in piece.splitlines() if line.strip())
