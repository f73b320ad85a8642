"""Queries whose answers are known, for comparing two models: judged ones, else what the desk's own texts say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.vectors import ticket_input
from helpdesk.rag.model_change.queries import organization_ids
from helpdesk.rag.retrieval.judgements import judged_queries

MOST = 200
# With fewer judgements than this, an organisation's own texts are asked as well.
ENOUGH_JUDGED = 20

# An article's title should find the article.
_TITLES = text("""
    SELECT a.id, v.title FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
      JOIN rag_documents d ON d.organization_id = a.organization_id AND d.source_type = 'kb' AND d.source_id = a.id
     WHERE a.organization_id = :organization_id AND d.deleted_at IS NULL
     ORDER BY md5(a.id::text) LIMIT :most
""")
# What a settled ticket asked should find the article that settled it.
_SETTLED = text("""
    SELECT t.id, t.subject, opening.body, k.source_id AS article
      FROM rag_edges e
      JOIN rag_nodes n ON n.id = e.source AND n.kind = 'ticket'
      JOIN rag_nodes k ON k.id = e.destination AND k.kind = 'kb'
      JOIN tickets t ON t.id = n.source_id AND t.organization_id = :organization_id
      JOIN rag_documents d ON d.organization_id = :organization_id AND d.source_type = 'kb'
       AND d.source_id = k.source_id
     CROSS JOIN LATERAL (SELECT m.body FROM messages m WHERE m.ticket_id = t.id AND m.visibility = 'public'
                          ORDER BY m.created_at, m.id LIMIT 1) opening
     WHERE e.organization_id = :organization_id AND e.kind = 'solved_by' AND d.deleted_at IS NULL
     ORDER BY t.created_at DESC, t.id, k.source_id LIMIT :most
""")


@dataclass(frozen=True)
class GoldenQuery:
    """A query and the sources that answer it.

    Attributes:
        ticket_id: the ticket that asks, which is not to be found itself.
        judged: whether people said so; otherwise the desk's own texts do.
    """

    organization_id: UUID
    text: str
    answers: frozenset[tuple[SourceType, UUID]]
    ticket_id: UUID | None = None
    judged: bool = False


async def golden_queries(database: Database, *, most: int = MOST) -> list[GoldenQuery]:
    """Return queries of all organisations, each with the same share of them."""
    async with database.transaction(None, role="atum_worker") as session:
        organizations = await organization_ids(session)
    share = max(10, most // max(len(organizations), 1))
    found: list[list[GoldenQuery]] = []
    for organization_id in organizations:
        async with database.transaction(organization_id) as session:
            own = await _judged(session, organization_id, share)
            if len(own) < min(ENOUGH_JUDGED, share):
                own += await _self_labelled(session, organization_id, share - len(own))
            found.append(own)
    return _in_turn(found)[:most]


async def _judged(session: AsyncSession, organization_id: UUID, most: int) -> list[GoldenQuery]:
    judged = await judged_queries(session, organization_id=organization_id, most=most)
    queries = []
    for query in judged:
        answers = frozenset(source for source, relevant in query.relevant.items() if relevant)
        if answers:
            queries.append(GoldenQuery(organization_id, query.text, answers, query.ticket_id, judged=True))
    return queries


async def _self_labelled(session: AsyncSession, organization_id: UUID, most: int) -> list[GoldenQuery]:
    scope: dict[str, Any] = {"organization_id": organization_id, "most": max(most // 2, 1)}
    queries: dict[UUID, GoldenQuery] = {}
    for row in await session.execute(_SETTLED, scope):
        answers = frozenset({(SourceType.KB, row.article)})
        if row.id in queries:
            answers |= queries[row.id].answers
        queries[row.id] = GoldenQuery(organization_id, ticket_input(row.subject, row.body), answers, row.id)
    titles = await session.execute(_TITLES, scope | {"most": max(most - len(queries), 0)})
    by_title = [GoldenQuery(organization_id, row.title, frozenset({(SourceType.KB, row.id)})) for row in titles]
    return [*queries.values(), *by_title]


def _in_turn(found: list[list[GoldenQuery]]) -> list[GoldenQuery]:
    longest = max(map(len, found), default=0)
    return [own[place] for place in range(longest) for own in found if place < len(own)]
