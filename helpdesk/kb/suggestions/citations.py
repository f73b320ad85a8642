"""Which articles a reply sends its reader to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

_URL = re.compile(r"https?://[^\s<>()\[\]\"']+")
_IN_PATH = re.compile(r"/(?:kb(?:/articles)?|articles?|help)/([a-z0-9]+(?:-[a-z0-9]+)*)", re.IGNORECASE)
_TRAILING = ".,;:!?"
# A single word may stand in a sentence by chance; three joined by hyphens do not.
_LEAST_HYPHENS = 2
# A shorter title may stand in a sentence by chance.
_LEAST_TITLE = 16


@dataclass(frozen=True)
class Citable:
    """An article by the names a reply may call it."""

    id: UUID
    slug: str
    source_url: str | None
    title: str


def links_in(text: str) -> tuple[set[str], set[str]]:
    """Return the addresses of a text, and the last names in those that lead to an article, in lower case."""
    urls = {url.rstrip(_TRAILING) for url in _URL.findall(text)}
    return urls, {name.lower() for name in _IN_PATH.findall(text)}


def cited_in(text: str, articles: Iterable[Citable]) -> set[UUID]:
    """Return the articles that a text links, or calls by their slug or full title."""
    urls, names = links_in(text)
    lowered = text.lower()
    return {article.id for article in articles if _is_cited(article, urls=urls, names=names, lowered=lowered)}


def _is_cited(article: Citable, *, urls: set[str], names: set[str], lowered: str) -> bool:
    if article.slug in names or str(article.id) in names or article.source_url in urls:
        return True
    if article.slug.count("-") >= _LEAST_HYPHENS and _stands_in(article.slug, lowered):
        return True
    return len(article.title) >= _LEAST_TITLE and article.title.lower() in lowered


def _stands_in(slug: str, lowered: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(slug)}(?![\w-])", lowered) is not None
