"""Read sources in bulk: one query a kind of row, however many sources are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import ArticleVisibility, SourceType
from helpdesk.rag.graph.links import Link, without_repeats
from helpdesk.rag.graph.mentions import Mention, named_articles, named_assets
from helpdesk.rag.indexing.load_tickets import load_tickets
from helpdesk.rag.indexing.sources import CUSTOMERS, INTERNAL, PUBLIC, Piece, Source, Visibility

# Only what readers see: a draft is no source, and an archived article has no published version.
_ARTICLES = text("""
    SELECT a.id, a.version, a.slug, a.visibility, a.tags, a.products, a.category_id, v.title, v.summary, v.body,
           v.language
      FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
     WHERE a.organization_id = :organization_id AND a.id = ANY(CAST(:ids AS uuid[])) AND a.state <> 'archived'
""")
_ASSETS = text("""
    SELECT a.id, a.version, a.tag, a.kind, a.name, a.serial, a.hostname, a.location, a.status, a.attributes, a.owner_id,
           c.name AS owner
      FROM assets a LEFT JOIN contacts c ON c.id = a.owner_id AND c.organization_id = a.organization_id
     WHERE a.organization_id = :organization_id AND a.id = ANY(CAST(:ids AS uuid[]))
""")

Load = Callable[[AsyncSession, UUID, Sequence[UUID]], Awaitable[list[Source]]]


async def load_sources(
    session: AsyncSession, *, organization_id: UUID, source_type: SourceType, ids: Sequence[UUID]
) -> dict[UUID, Source]:
    """Return the sources that exist and are to be found, by id; what is missing here has no place in the index."""
    return {source.id: source for source in await _loader(source_type)(session, organization_id, ids)}


def _loader(source_type: SourceType) -> Load:
    match source_type:
        case SourceType.TICKET:
            return load_tickets
        case SourceType.KB:
            return _load_articles
        case SourceType.ASSET:
            return _load_assets
        case _:
            assert_never(source_type)


async def _load_articles(session: AsyncSession, organization_id: UUID, ids: Sequence[UUID]) -> list[Source]:
    rows = (await session.execute(_ARTICLES, {"organization_id": organization_id, "ids": list(ids)})).all()
    bodies = {row.id: row.body for row in rows}
    articles = await named_articles(session, organization_id=organization_id, texts=bodies, titles=False)
    assets = await named_assets(session, organization_id=organization_id, texts=bodies)
    return [_article(row, _links(row.id, articles.get(row.id, ()), assets.get(row.id, ()))) for row in rows]


def _links(own: UUID, articles: Sequence[Mention], assets: Sequence[Mention]) -> list[Link]:
    return without_repeats(
        [
            *(Link("links_to", "kb", one.id, one.label, "rule", one.evidence) for one in articles if one.id != own),
            *(Link("mentions", "asset", one.id, one.label, "rule", one.evidence) for one in assets),
        ]
    )


def _article(row: Any, links: Sequence[Link]) -> Source:
    body = f"{row.summary}\n\n{row.body}" if row.summary else row.body
    return Source(
        type=SourceType.KB,
        id=row.id,
        version=row.version,
        title=row.title,
        visibility=_visibility_of(ArticleVisibility(row.visibility)),
        pieces=[Piece("body", PUBLIC, body)],
        language=row.language,
        facts=tuple(row.products),
        meta={
            "slug": row.slug,
            "tags": row.tags,
            "products": row.products,
            "category_id": row.category_id and str(row.category_id),
        },
        links=links,
    )


def _visibility_of(visibility: ArticleVisibility) -> Visibility:
    match visibility:
        case ArticleVisibility.PUBLIC:
            return PUBLIC
        case ArticleVisibility.CUSTOMERS:
            return CUSTOMERS
        case ArticleVisibility.AGENTS:
            return INTERNAL
        case _:
            assert_never(visibility)


async def _load_assets(session: AsyncSession, organization_id: UUID, ids: Sequence[UUID]) -> list[Source]:
    rows = await session.execute(_ASSETS, {"organization_id": organization_id, "ids": list(ids)})
    return [_asset(row) for row in rows]


def _asset(row: Any) -> Source:
    facts = {name: getattr(row, name) for name in ("tag", "kind", "name", "serial", "hostname", "location", "status")}
    known = {**facts, **row.attributes}
    lines = "\n".join(f"{name}: {value}" for name, value in known.items() if value not in (None, ""))
    return Source(
        type=SourceType.ASSET,
        id=row.id,
        version=row.version,
        title=f"{row.tag} {row.name}",
        # Who has which device is nobody else's business.
        visibility=INTERNAL,
        pieces=[Piece("facts", INTERNAL, lines)],
        language="en",
        meta={"tag": row.tag, "kind": row.kind},
        links=[] if row.owner_id is None else [Link("owned_by", "requester", row.owner_id, row.owner, "explicit")],
    )
