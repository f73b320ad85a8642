"""Which articles and assets texts name: the organisation's own names are the dictionary, nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.rag.graph.names import LEAST_TITLE, article_names, asset_names, place_of, quote

_NAMED_ARTICLES = text("""
    SELECT a.id, a.slug, a.source_url, v.title FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
     WHERE a.organization_id = :organization_id AND a.state <> 'archived'
       AND (a.slug = ANY(CAST(:names AS text[])) OR a.source_url = ANY(CAST(:names AS text[]))
            OR length(v.title) >= :least AND strpos(:words, lower(v.title)) > 0)
     ORDER BY a.id
""")
_NAMED_ASSETS = text("""
    SELECT id, tag, serial, hostname FROM assets
     WHERE organization_id = :organization_id
       AND (lower(tag) = ANY(CAST(:words AS text[])) OR lower(serial) = ANY(CAST(:words AS text[]))
            OR lower(hostname) = ANY(CAST(:words AS text[])))
     ORDER BY id
""")


@dataclass(frozen=True)
class Mention:
    """A thing that a text names.

    Attributes:
        label: its slug or tag.
        evidence: the words that name it.
    """

    id: UUID
    label: str
    evidence: str


async def named_articles(
    session: AsyncSession, *, organization_id: UUID, texts: Mapping[UUID, str], titles: bool = True
) -> dict[UUID, list[Mention]]:
    """Return the published articles that texts name by address or slug, and by title where that is wanted."""
    names = {key: article_names(words) for key, words in texts.items()}
    everything = "\n".join(texts.values()).lower() if titles else ""
    every_name = sorted({name for own in names.values() for name in own})
    if not everything.strip() and not every_name:
        return {}
    rows = await session.execute(
        _NAMED_ARTICLES,
        {
            "organization_id": organization_id,
            "names": every_name,
            "words": everything,
            "least": LEAST_TITLE,
        },
    )
    articles = rows.all()
    return {key: list(_articles_in(words, names[key], articles, titles=titles)) for key, words in texts.items()}


def _articles_in(words: str, names: Sequence[str], articles: Sequence[Any], *, titles: bool) -> list[Mention]:
    found = []
    for article in articles:
        name = next((name for name in (article.source_url, article.slug) if name in names), None)
        # An address ends where a sentence goes on, so it is looked for as it stands.
        place = None if name is None else words.lower().find(name.lower())
        if place is None and titles and len(article.title) >= LEAST_TITLE:
            place = place_of(article.title, words)
        if place is not None:
            found.append(Mention(article.id, article.slug, quote(words, max(place, 0))))
    return found


async def named_assets(
    session: AsyncSession, *, organization_id: UUID, texts: Mapping[UUID, str]
) -> dict[UUID, list[Mention]]:
    """Return the assets whose tag, serial number or host name stands in a text."""
    names = {key: asset_names(words) for key, words in texts.items()}
    every_name = sorted({name for own in names.values() for name in own})
    if not every_name:
        return {}
    rows = await session.execute(_NAMED_ASSETS, {"organization_id": organization_id, "words": every_name})
    by_name = {name.lower(): row for row in rows for name in (row.hostname, row.serial, row.tag) if name}
    return {
        key: [
            Mention(by_name[name].id, by_name[name].tag, quote(texts[key], place_of(name, texts[key]) or 0))
            for name in own
            if name in by_name
        ]
        for key, own in names.items()
    }
