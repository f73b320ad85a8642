"""Tickets like a ticket: which they are, whether they are the same problem, and what solved them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import TicketStatus
from helpdesk.rag.embedding.halfvec import write_vector
from helpdesk.rag.embedding.models import ActiveModel, active_model
from helpdesk.rag.graph.likeness import cuts_now

MOST_SIMILAR = 5
# Replies of other tickets are passages, too, and stand between the questions.
_PASSAGES = 100
_SETTLED = frozenset((TicketStatus.SOLVED, TicketStatus.CLOSED))

# {vectors} is the name of a model's table, made by the database itself.
_OWN_VECTOR = """
    SELECT v.embedding::text FROM rag_documents d
      JOIN rag_chunks c ON c.document_id = d.id AND c.ordinal = 0 JOIN {vectors} v ON v.chunk_id = c.id
     WHERE d.organization_id = :organization_id AND d.source_type = 'ticket' AND d.source_id = :ticket_id
       AND d.deleted_at IS NULL
"""
# Questions are compared with questions: what helped somebody else is no sign that it is the same problem.
_NEAR = text("""
    SELECT n.source_id AS ticket, n.similarity
      FROM rag_nearest(:organization_id, CAST(:vector AS halfvec), '{ticket}', '{public}', :ticket_id, :passages,
                       CAST(:model_id AS smallint)) n
      JOIN rag_chunks c ON c.id = n.chunk_id AND c.ordinal = 0
     WHERE n.similarity >= :alike
""")
# What the index has not heard of yet is seen here: a ticket that was merged or deleted a moment ago is left out.
_TICKETS = text("""
    SELECT t.id AS ticket_id, t.number, t.subject, t.status, t.created_at, t.solved_at,
           coalesce(t.contact_id = own.contact_id, false) AS same_requester,
           EXISTS (SELECT FROM ticket_assets a JOIN ticket_assets b ON b.asset_id = a.asset_id
                    WHERE a.ticket_id = t.id AND b.ticket_id = own.id) AS same_asset
      FROM tickets t JOIN tickets own ON own.organization_id = :organization_id AND own.id = :ticket_id
     WHERE t.organization_id = :organization_id AND t.id = ANY(CAST(:tickets AS uuid[])) AND t.id <> own.id
       AND t.merged_into_id IS NULL
""")
_SOLVED_BY = text("""
    SELECT n.source_id AS ticket, a.id, a.slug, v.title
      FROM rag_nodes n
      JOIN rag_edges e ON e.source = n.id AND e.kind = 'solved_by'
      JOIN rag_nodes k ON k.id = e.destination AND k.kind = 'kb'
      JOIN kb_articles a ON a.organization_id = :organization_id AND a.id = k.source_id AND a.state <> 'archived'
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
     WHERE n.organization_id = :organization_id AND n.kind = 'ticket' AND n.source_id = ANY(CAST(:tickets AS uuid[]))
     ORDER BY v.title, a.id
""")


@dataclass(frozen=True)
class ArticleRef:
    """What names an article."""

    id: UUID
    slug: str
    title: str


@dataclass(frozen=True)
class SimilarTicket:
    """A ticket like the one that was asked about.

    Attributes:
        similarity: of what was asked, a cosine; None where only words were compared.
        solved_by: articles that settled it.
        same_as: whether it is so much alike that it is most probably the same problem.
    """

    ticket_id: UUID
    number: int
    subject: str
    status: str
    similarity: float | None
    solved_by: list[ArticleRef]
    same_as: bool
    created_at: datetime
    solved_at: datetime | None
    same_requester: bool
    same_asset: bool

    @property
    def is_open(self) -> bool:
        """Return whether somebody still waits for an answer to it."""
        return self.status not in _SETTLED

    @property
    def hint(self) -> str:
        """Return what an agent should know of it, such as "Same as #123, solved by “Reset your password”."."""
        titles = " and ".join(f"“{article.title}”" for article in self.solved_by)
        state = "still open" if self.is_open else f"solved by {titles}" if titles else "solved"
        return f"{'Same as' if self.same_as else 'Like'} #{self.number}, {state}."


async def similar_tickets(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    vector: NDArray[np.float32] | None = None,
    most: int = MOST_SIMILAR,
) -> list[SimilarTicket]:
    """Return the tickets most like a ticket, the most alike first; none where there is no vector to compare.

    Args:
        vector: the ticket's query vector, for a ticket that is not in the index yet; the indexed one goes first.
    """
    model = await active_model(session)
    if model is None:
        return []
    compared = await own_vector(session, organization_id=organization_id, ticket_id=ticket_id, model=model)
    if compared is None and vector is not None and len(vector) == model.dims:
        compared = write_vector(vector)
    cuts = await cuts_now(session, organization_id=organization_id, model=model)
    if compared is None or cuts is None:
        return []
    scope = {"organization_id": organization_id, "ticket_id": ticket_id}
    near = {"vector": compared, "passages": _PASSAGES, "model_id": model.id, "alike": cuts.alike}
    similarities = {row.ticket: row.similarity for row in await session.execute(_NEAR, scope | near)}
    return await tickets_like(session, **scope, similarities=similarities, same_from=cuts.same, most=most)


async def own_vector(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, model: ActiveModel
) -> str | None:
    """Return the indexed vector of what a ticket asks, as the database writes it; None where it has none."""
    found: str | None = await session.scalar(
        text(_OWN_VECTOR.format(vectors=model.table_name)),
        {"organization_id": organization_id, "ticket_id": ticket_id},
    )
    return found


async def tickets_like(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    similarities: Mapping[UUID, float | None],
    same_from: float | None,
    most: int,
) -> list[SimilarTicket]:
    """Return what there is to say of tickets that were found to be like one, in the order of their similarity.

    Args:
        similarities: by the ticket's id, None where only words were compared; equals keep their order.
        same_from: from which similarity on a ticket is the same problem; None says it of none.
    """
    scope = {"organization_id": organization_id, "ticket_id": ticket_id}
    found = await session.execute(_TICKETS, scope | {"tickets": list(similarities)})
    rows = {row["ticket_id"]: dict(row) for row in found.mappings()}
    best = [key for key in sorted(similarities, key=lambda key: -(similarities[key] or 0.0)) if key in rows][:most]
    solved_by = await _articles_that_solved(session, organization_id, best)
    return [
        SimilarTicket(
            **rows[key],
            similarity=similarities[key],
            solved_by=solved_by[key],
            same_as=same_from is not None and (similarities[key] or 0.0) >= same_from,
        )
        for key in best
    ]


async def _articles_that_solved(
    session: AsyncSession, organization_id: UUID, tickets: Collection[UUID]
) -> defaultdict[UUID, list[ArticleRef]]:
    solved_by: defaultdict[UUID, list[ArticleRef]] = defaultdict(list)
    if tickets:
        rows = await session.execute(_SOLVED_BY, {"organization_id": organization_id, "tickets": list(tickets)})
        for row in rows:
            solved_by[row.ticket].append(ArticleRef(row.id, row.slug, row.title))
    return solved_by
