"""Keep the words of others apart from instructions: nothing hidden, a fence they cannot know, a mark on each line."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from helpdesk.visible_text.cleaning import clean_markdown

CUT = "[…]"
_LETTERS = "bcdfghjkmnpqrstvwxz"
# A bare tag that nothing closes is a word about HTML; as markup, it would hide the rest of the text.
_BARE_TAG = re.compile(r"<(script|style|head|template|noscript|svg|object|iframe)>", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…。！？](?=[\s\"'”’)\]]|$)|\n")  # noqa: RUF001
# A cut further back than this would lose more than half a sentence saves.
_LEAST_KEPT = 0.6


def visible(text: str) -> str:
    """Return a text as a reader sees it: no characters, comments or elements that show nothing."""
    lowered = text.lower()

    def as_word(tag: re.Match[str]) -> str:
        closed = lowered.find(f"</{tag[1].lower()}", tag.end()) >= 0
        return tag[0] if closed else f"‹{tag[1]}›"  # noqa: RUF001

    return clean_markdown(_BARE_TAG.sub(as_word, text) if "<" in text else text)


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, cut behind a sentence where one ends late enough, and marked."""
    if len(text) <= most:
        return text
    room = most - len(CUT) - 1
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, room)]
    if ends and ends[-1] >= _LEAST_KEPT * room:
        kept = text[: ends[-1]]
    else:
        space = text.rfind(" ", 0, room)
        kept = text[: space if space >= _LEAST_KEPT * room else room]
    return f"{kept.rstrip()} {CUT}"


def new_boundary(texts: Iterable[str]) -> str:
    """Return a line that none of the texts holds, and whose writer cannot have known it."""
    return f"=== {_unused(lambda: secrets.token_hex(8), texts)} ==="


def new_mark(texts: Iterable[str]) -> str:
    """Return a few letters that are nowhere in the texts."""
    return _unused(lambda: "".join(secrets.choice(_LETTERS) for _ in range(3)), texts)


def fenced(parts: Sequence[tuple[str, str]], *, boundary: str, mark: str = "") -> str:
    """Return texts, each below its label, between lines that read as the boundary."""
    blocks = [f"{label}:\n{_marked(text, mark)}" if label else _marked(text, mark) for label, text in parts]
    return f"\n{boundary}\n".join(["", *blocks, ""]).strip()


def unmarked(answer: str, mark: str) -> str:
    """Return what a model said without the marks it copied from the data."""
    return re.sub(rf"(?m)(?:^|(?<=[\s\"])){re.escape(mark)}\| ?", "", answer) if mark else answer


def without_marks(value: Any, mark: str) -> Any:
    """Return a decoded answer without the marks that its texts have copied."""
    if not mark:
        return value
    match value:
        case str():
            return unmarked(value, mark)
        case dict():
            return {name: without_marks(each, mark) for name, each in value.items()}
        case list():
            return [without_marks(each, mark) for each in value]
        case _:
            return value


def _marked(text: str, mark: str) -> str:
    return "\n".join(f"{mark}| {line}" for line in text.splitlines()) if mark else text


def _unused(make: Callable[[], str], texts: Iterable[str]) -> str:
    known = "\n".join(texts).casefold()
    while (made := make()) in known:
        pass
    return made
