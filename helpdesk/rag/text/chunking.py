"""Cut a text into passages of one thought each, with the headings they stand under."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from markdown_it import MarkdownIt
from semantic_text_splitter import MarkdownSplitter, TextSplitter

# A changed rule cuts and weighs every document anew.
CHUNKER_VERSION = 2
# About 200 tokens of prose: what the smallest usual model reads (256) less title and headings.
PASSAGE_CHARS = 800
_USUAL_TOKENS = 256
_FEWEST_CHARS = 120
# A shorter section joins the next one: a vector of a few words finds everything.
_SHORT_SHARE = 0.2
_HEADING_CHARS = 120
_PATH_CHARS = 300
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


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


def passage_chars(max_input_tokens: int | None) -> int:
    """Return how long a passage may be for a model that reads so many tokens; None where no model is known."""
    if max_input_tokens is None or max_input_tokens >= _USUAL_TOKENS:
        return PASSAGE_CHARS
    return max(_FEWEST_CHARS, PASSAGE_CHARS * max_input_tokens // _USUAL_TOKENS)


def cutting_rules(most_chars: int) -> int:
    """Return the number that stands for these rules at a length of passages: what was cut by others is cut anew."""
    return CHUNKER_VERSION if most_chars == PASSAGE_CHARS else CHUNKER_VERSION * 10_000 + most_chars


def cut_markdown(text: str, *, most_chars: int = PASSAGE_CHARS) -> list[Passage]:
    """Return the passages of a Markdown text in order, none longer than `most_chars`.

    A section is one passage where it fits; a longer one is cut between blocks, then between rows, items, sentences or
    words, in this order: a table, a list or a block of code that fits in a passage stays whole. A heading with nothing
    beneath it, and a very short section, go with what follows. No word is lost and none stands in two passages.
    """
    passages: list[Passage] = []
    for section in _merged(text, list(_sections(text)), int(_SHORT_SHARE * most_chars)):
        path = " > ".join(section.heading_path)[:_PATH_CHARS]
        for start, end in _pieces(text, section.start, section.end, most_chars):
            passages.append(Passage(path, text[start:end], start, end))
    return passages


def cut_plain(text: str, *, most_chars: int = PASSAGE_CHARS) -> list[Passage]:
    """Return the passages of a text in which nothing is markup, such as a log: cut between paragraphs and lines."""
    return [
        Passage("", piece, start, start + len(piece))
        for start, piece in _plain_splitter(most_chars).chunk_indices(text)
    ]


@lru_cache(maxsize=1)
def _block_parser() -> MarkdownIt:
    return MarkdownIt("commonmark").disable("inline")


@lru_cache(maxsize=4)
def _splitter(most_chars: int) -> MarkdownSplitter:
    return MarkdownSplitter(most_chars)


@lru_cache(maxsize=4)
def _plain_splitter(most_chars: int) -> TextSplitter:
    return TextSplitter(most_chars)


def _sections(text: str) -> Iterator[_Section]:
    starts = _line_starts(text)
    path: list[tuple[int, str]] = []
    start = body_start = 0
    # What stands between the two rules at the top is data; to Markdown its last line would be a heading.
    front = _FRONT_MATTER.match(text)
    skipped = 0 if front is None else front[0].count("\n")
    tokens = _block_parser().parse(text if front is None else "\n" * skipped + text[front.end() :])
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
    return " ".join(heading.replace("**", "").replace("`", "").split())[:_HEADING_CHARS].strip()


def _merged(text: str, sections: list[_Section], short_chars: int) -> Iterator[_Section]:
    """Join headings without a body, and short sections, with the section that follows them."""
    waiting: _Section | None = None
    for section in sections:
        current = section
        if waiting is not None:
            current = _joined(waiting, section, empty=not text[waiting.body_start : waiting.end].strip())
        is_short = len(text[current.body_start : current.end].strip()) < short_chars
        if is_short and section is not sections[-1]:
            waiting = current
            continue
        waiting = None
        yield current


def _joined(first: _Section, second: _Section, *, empty: bool) -> _Section:
    if empty:
        return _Section(second.heading_path, first.start, second.end, second.body_start)
    shared = [a for a, b in zip(first.heading_path, second.heading_path, strict=False) if a == b]
    return _Section(tuple(shared) or first.heading_path, first.start, second.end, first.body_start)


def _pieces(text: str, start: int, end: int, most_chars: int) -> Iterator[tuple[int, int]]:
    whole = text[start:end]
    if len(whole.strip()) <= most_chars:
        begin = start + len(whole) - len(whole.lstrip())
        yield begin, begin + len(whole.strip())
        return
    waiting: int | None = None
    for offset, piece in _splitter(most_chars).chunk_indices(whole):
        if waiting is not None and offset + len(piece) - waiting > most_chars:
            # The heading and what follows are too long together.
            yield start + waiting, start + waiting + len(whole[waiting:offset].rstrip())
            waiting = None
        begin = offset if waiting is None else waiting
        if _only_headings(piece) and offset + len(piece) < len(whole.rstrip()):
            waiting = begin
            continue
        waiting = None
        yield start + begin, start + offset + len(piece)


def _only_headings(piece: str) -> bool:
    return all(line.lstrip().startswith("#") for line in piece.splitlines() if line.strip())
