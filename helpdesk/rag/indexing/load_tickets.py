"""Read tickets with what was said on them and what they refer to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import AuthorKind, MessageVisibility, SourceType, TicketStatus
from helpdesk.rag.graph.links import Link
from helpdesk.rag.indexing.sources import INTERNAL, PUBLIC, Piece, Source

# What a merged ticket was about is found by the one it was merged into.
_TICKETS = text("""
    SELECT t.id, t.version, t.number, t.subject, t.status, t.resolution, t.language, t.tags, t.contact_id,
           c.name AS contact_name
      FROM tickets t LEFT JOIN contacts c ON c.id = t.contact_id AND c.organization_id = t.organization_id
     WHERE t.organization_id = :organization_id AND t.id = ANY(CAST(:ids AS uuid[])) AND t.merged_into_id IS NULL
""")
_MESSAGES = text("""
    SELECT ticket_id, author_kind, visibility, body FROM messages
     WHERE organization_id = :organization_id AND ticket_id = ANY(CAST(:ids AS uuid[]))
     ORDER BY ticket_id, created_at, id
""")
_ASSETS = text("""
    SELECT t.ticket_id, a.id, a.tag FROM ticket_assets t JOIN assets a ON a.id = t.asset_id
     WHERE t.organization_id = :organization_id AND a.organization_id = :organization_id
       AND t.ticket_id = ANY(CAST(:ids AS uuid[])) ORDER BY t.ticket_id, a.id
""")
# The organisation's own names are the dictionary: nothing is guessed.
_NAMED_ARTICLES = text("""
    SELECT a.id, a.slug, a.source_url, lower(v.title) AS title FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
     WHERE a.organization_id = :organization_id
       AND (a.slug = ANY(CAST(:names AS text[])) OR a.source_url = ANY(CAST(:names AS text[]))
            OR length(v.title) >= :least AND strpos(:words, lower(v.title)) > 0)
""")
_NAMED_ASSETS = text("""
    SELECT id, tag, lower(tag) AS tag_key, lower(serial) AS serial_key, lower(hostname) AS hostname_key FROM assets
     WHERE organization_id = :organization_id
       AND (lower(tag) = ANY(CAST(:words AS text[])) OR lower(serial) = ANY(CAST(:words AS text[]))
            OR lower(hostname) = ANY(CAST(:words AS text[])))
""")
_URL = re.compile(r"https?://[^\s<>()\[\]\"']+")
_SLUG_IN_PATH = re.compile(r"/(?:kb|articles?|help)/([a-z0-9]+(?:-[a-z0-9]+)*)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
# A shorter title may stand in a sentence by chance.
_LEAST_TITLE = 16
_SETTLED = frozenset((TicketStatus.SOLVED, TicketStatus.CLOSED))


@dataclass(frozen=True)
class _Said:
    author: AuthorKind
    internal: bool
    body: str


async def load_tickets(session: AsyncSession, organization_id: UUID, ids: Sequence[UUID]) -> list[Source]:
    """Return the tickets among the ids, each with its messages and links."""
    chosen = {"organization_id": organization_id, "ids": list(ids)}
    tickets = (await session.execute(_TICKETS, chosen)).all()
    said: defaultdict[UUID, list[_Said]] = defaultdict(list)
    for row in await session.execute(_MESSAGES, chosen):
        internal = row.visibility == MessageVisibility.INTERNAL
        said[row.ticket_id].append(_Said(AuthorKind(row.author_kind), internal, row.body))
    links = await _links(session, organization_id, tickets, said)
    for row in await session.execute(_ASSETS, chosen):
        links[row.ticket_id].append(Link("about", "asset", row.id, row.tag, "explicit"))
    return [_source(ticket, said[ticket.id], links[ticket.id]) for ticket in tickets]


def _source(ticket: Any, said: Sequence[_Said], links: Sequence[Link]) -> Source:
    if ticket.contact_id is not None:
        links = [*links, Link("requested_by", "requester", ticket.contact_id, ticket.contact_name, "explicit")]
    settled = TicketStatus(ticket.status) in _SETTLED
    return Source(
        type=SourceType.TICKET,
        id=ticket.id,
        version=ticket.version,
        title=ticket.subject,
        visibility=PUBLIC,
        pieces=list(_pieces(ticket, said, settled=settled)),
        language=ticket.language,
        meta={"number": ticket.number, "settled": settled, "tags": ticket.tags},
        links=_without_repeats(links),
    )


def _pieces(ticket: Any, said: Sequence[_Said], *, settled: bool) -> Iterator[Piece]:
    first = next((message for message in said if not message.internal), None)
    yield Piece("question", PUBLIC, ticket.subject if first is None else first.body)
    if settled and ticket.resolution:
        # Written by agents for agents; the customer got a reply.
        yield Piece("resolution", INTERNAL, ticket.resolution)
    for message in said:
        if message is first:
            continue
        if message.internal:
            yield Piece("note", INTERNAL, message.body)
        elif settled and message.author is AuthorKind.AGENT:
            yield Piece("reply", PUBLIC, message.body)


async def _links(
    session: AsyncSession, organization_id: UUID, tickets: Sequence[Any], said: Mapping[UUID, Sequence[_Said]]
) -> defaultdict[UUID, list[Link]]:
    """Return what the texts of the tickets name: articles in replies that settled them, assets anywhere."""
    links: defaultdict[UUID, list[Link]] = defaultdict(list)
    replies = {ticket.id: _settling_replies(ticket, said[ticket.id]) for ticket in tickets}
    words = {ticket.id: "\n".join([ticket.subject, *(one.body for one in said[ticket.id])]) for ticket in tickets}
    articles = await _articles_by_name(session, organization_id, "\n".join(replies.values()))
    assets = await _assets_by_name(session, organization_id, "\n".join(words.values()))
    for ticket in tickets:
        named, said_last = set(_article_names(replies[ticket.id])), replies[ticket.id].lower()
        links[ticket.id].extend(
            Link("solved_by", "kb", row.id, row.slug, "rule")
            for row in articles
            if not named.isdisjoint((row.slug, row.source_url)) or _is_quoted(row.title, said_last)
        )
        for name in _asset_names(words[ticket.id]):
            if name in assets:
                identifier, tag = assets[name]
                links[ticket.id].append(Link("mentions", "asset", identifier, tag, "rule"))
    return links


def _settling_replies(ticket: Any, said: Sequence[_Said]) -> str:
    if TicketStatus(ticket.status) not in _SETTLED:
        return ""
    return "\n".join(one.body for one in said if one.author is AuthorKind.AGENT and not one.internal)


def _article_names(text: str) -> list[str]:
    urls = [url.rstrip(".,;:!?") for url in _URL.findall(text)]
    return list(dict.fromkeys([*urls, *(slug.lower() for slug in _SLUG_IN_PATH.findall(text))]))


def _asset_names(text: str) -> list[str]:
    """Return the words that could name an asset: those with a digit, or of several parts."""
    found = (word.lower() for word in _NAME.findall(text))
    return list(dict.fromkeys(word for word in found if len(word) > 3 and (re.search(r"\d|[-_]", word))))


def _is_quoted(title: str, words: str) -> bool:
    return len(title) >= _LEAST_TITLE and title in words


async def _articles_by_name(session: AsyncSession, organization_id: UUID, text: str) -> Sequence[Any]:
    """Return the articles that a text names by address or by title."""
    if not text:
        return []
    rows = await session.execute(
        _NAMED_ARTICLES,
        {
            "organization_id": organization_id,
            "names": _article_names(text),
            "words": text.lower(),
            "least": _LEAST_TITLE,
        },
    )
    return rows.all()


async def _assets_by_name(session: AsyncSession, organization_id: UUID, text: str) -> dict[str, tuple[UUID, str]]:
    names = _asset_names(text)
    if not names:
        return {}
    rows = await session.execute(_NAMED_ASSETS, {"organization_id": organization_id, "words": names})
    return {name: (row.id, row.tag) for row in rows for name in (row.tag_key, row.serial_key, row.hostname_key) if name}


def _without_repeats(links: Sequence[Link]) -> list[Link]:
    """Keep one edge a kind and target, in an order of their own: equal tickets have equal hashes."""
    unique = {(link.kind, link.target): link for link in links}
    return [unique[key] for key in sorted(unique, key=str)]
