"""Find in a text what could name an article or an asset, and the words around it."""

from __future__ import annotations

import re

_URL = re.compile(r"https?://[^\s<>()\[\]\"']+")
_SLUG_IN_PATH = re.compile(r"/(?:kb|articles?|help)/([a-z0-9]+(?:-[a-z0-9]+)*)", re.IGNORECASE)
# A Markdown link to a file beside this one, as imported articles have them.
_SLUG_BESIDE = re.compile(r"\]\((?:\./)?([a-z0-9]+(?:-[a-z0-9]+)*)(?:\.md)?(?:#[^()\s]*)?\)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
_PART_OF_A_NAME = re.compile(r"\d|[-_]")
# A shorter title may stand in a sentence by chance.
LEAST_TITLE = 16
_LEAST_ASSET_NAME = 4
_QUOTE_CHARS = 160


def article_names(text: str) -> list[str]:
    """Return the addresses and slugs of a text that could be an article's, in order, without repeats."""
    urls = [url.rstrip(".,;:!?") for url in _URL.findall(text)]
    slugs = [*_SLUG_IN_PATH.findall(text), *_SLUG_BESIDE.findall(text)]
    return list(dict.fromkeys([*urls, *(slug.lower() for slug in slugs)]))


def asset_names(text: str) -> list[str]:
    """Return the words that could name an asset, in lower case: those with a digit, or of several parts."""
    found = (word.lower() for word in _NAME.findall(text))
    likely = (word for word in found if len(word) >= _LEAST_ASSET_NAME and _PART_OF_A_NAME.search(word))
    return list(dict.fromkeys(likely))


def place_of(name: str, text: str) -> int | None:
    """Return where a name stands in a text as words of its own, in any case; None where it does not."""
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
    return None if found is None else found.start()


def quote(text: str, place: int) -> str:
    """Return the line of a text that a place is on, cut to 160 characters around it."""
    start, end = text.rfind("\n", 0, place) + 1, text.find("\n", place)
    line = text[start : end if end >= 0 else len(text)]
    if len(line) > _QUOTE_CHARS:
        first = min(max(place - start - _QUOTE_CHARS // 2, 0), len(line) - _QUOTE_CHARS)
        line = line[first : first + _QUOTE_CHARS]
    return line.strip()
