"""Read tickets with what was said on them and what they refer to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import AuthorKind, MessageVisibility, SourceType, TicketStatus
from helpdesk.rag.graph.links import Link, without_repeats
from helpdesk.rag.graph.mentions import named_articles, named_assets
from helpdesk.rag.indexing.load_attachments import attachment_pieces
from helpdesk.rag.indexing.sources import INTERNAL, PUBLIC, Piece, Source

# What a merged ticket was about is found by the one it was merged into.
_TICKETS = text("""
    SELECT t.id, t.version, t.number, t.subject, t.status, t.resolution, t.language, t.tags, t.category_id, t.solved_at,
           t.contact_id, c.name AS contact_name, t.company_id, f.name AS company_name
      FROM tickets t
      LEFT JOIN contacts c ON c.id = t.contact_id AND c.organization_id = t.organization_id
      LEFT JOIN companies f ON f.id = t.company_id AND f.organization_id = t.organization_id
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
    links = await _mentions(session, organization_id, tickets, said)
    for row in await session.execute(_ASSETS, chosen):
        links[row.ticket_id].append(Link("about", "asset", row.id, row.tag, "explicit"))
    files = await attachment_pieces(session, organization_id, ids)
    return [_source(ticket, said[ticket.id], files[ticket.id], links[ticket.id]) for ticket in tickets]


def _source(ticket: Any, said: Sequence[_Said], files: Sequence[Piece], links: Sequence[Link]) -> Source:
    links = list(links)
    if ticket.contact_id is not None:
        links.append(Link("requested_by", "requester", ticket.contact_id, ticket.contact_name, "explicit"))
    if ticket.company_id is not None:
        links.append(Link("for_company", "company", ticket.company_id, ticket.company_name, "explicit"))
    settled = TicketStatus(ticket.status) in _SETTLED
    return Source(
        type=SourceType.TICKET,
        id=ticket.id,
        version=ticket.version,
        title=ticket.subject,
        visibility=PUBLIC,
        pieces=[*_pieces(ticket, said, settled=settled), *files],
        language=ticket.language,
        meta={
            "number": ticket.number,
            "settled": settled,
            "tags": ticket.tags,
            "category_id": ticket.category_id and str(ticket.category_id),
        },
        links=without_repeats(links),
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


async def _mentions(
    session: AsyncSession, organization_id: UUID, tickets: Sequence[Any], said: Mapping[UUID, Sequence[_Said]]
) -> defaultdict[UUID, list[Link]]:
    """Return what the texts of the tickets name: articles in agents' replies to the requester, assets anywhere."""
    replies = {ticket.id: _replies(said[ticket.id]) for ticket in tickets}
    words = {ticket.id: "\n".join([ticket.subject, *(one.body for one in said[ticket.id])]) for ticket in tickets}
    articles = await named_articles(session, organization_id=organization_id, texts=replies)
    assets = await named_assets(session, organization_id=organization_id, texts=words)
    links: defaultdict[UUID, list[Link]] = defaultdict(list)
    for ticket in tickets:
        settled = TicketStatus(ticket.status) in _SETTLED
        # What an agent sends may help; once the requester is content, it has helped.
        kind, since = ("solved_by", ticket.solved_at) if settled else ("cites", None)
        links[ticket.id] += [
            Link(kind, "kb", one.id, one.label, "rule", one.evidence, since) for one in articles.get(ticket.id, ())
        ]
        links[ticket.id] += [
            Link("mentions", "asset", one.id, one.label, "rule", one.evidence) for one in assets.get(ticket.id, ())
        ]
    return links


def _replies(said: Sequence[_Said]) -> str:
    return "\n".join(one.body for one in said if one.author is AuthorKind.AGENT and not one.internal)
