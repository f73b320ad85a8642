"""What has to be known of a ticket before it is judged: its fields, the policy, and what agents said of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.ai_policy_queries import ai_policy_of
from helpdesk.models.ai_policy import TriagePolicy
from helpdesk.models.values import AuthorKind
from helpdesk.rag.embedding.halfvec import write_vector
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.embedding.vectors import ticket_input
from helpdesk.rag.graph.similar import SimilarTicket, similar_tickets
from helpdesk.rag.questions import Question, read_question
from helpdesk.triage.deciding.material import Material, material_of
from helpdesk.triage.deciding.prompt import Neighbour
from helpdesk.triage.learning.examples import Labels, read_labels
from helpdesk.triage.learning.gates import Gate, gates_of

MOST_NEIGHBOURS = 5
_MOST_SIMILAR = 10
# What was said long ago, of labels that have changed since, is no example.
_MOST_CORRECTED = 400

_TICKET = text("""
    SELECT t.custom, t.tags, t.decided_by FROM tickets t
     WHERE t.organization_id = :organization_id AND t.id = :ticket_id
""")
_REJECTED = text("""
    SELECT field, predicted FROM triage_feedback
     WHERE organization_id = :organization_id AND ticket_id = :ticket_id AND verdict = 'reject'
       AND predicted IS NOT NULL
""")
_OF_COMPANY = text("""
    SELECT t.id FROM tickets t JOIN tickets own ON own.id = :ticket_id AND own.organization_id = t.organization_id
     WHERE t.organization_id = :organization_id AND t.id = ANY(CAST(:tickets AS uuid[]))
       AND t.company_id = own.company_id
""")
# Raw SQL: the index knows no feedback. {vectors} is the name of a model's table, made by the database itself.
_NEIGHBOURS = """
    WITH corrected AS (
        SELECT DISTINCT ON (f.ticket_id, f.field) f.ticket_id, f.field, f.final_value
          FROM triage_feedback f
         WHERE f.organization_id = :organization_id AND f.verdict IN ('correct', 'accept')
           AND f.field = ANY(:fields) AND f.final_value IS NOT NULL AND f.ticket_id IS DISTINCT FROM :ticket_id
         ORDER BY f.ticket_id, f.field, f.created_at DESC
         LIMIT :most_corrected
    )
    SELECT k.field, k.final_value AS label, t.subject, m.body
      FROM corrected k
      JOIN tickets t ON t.organization_id = :organization_id AND t.id = k.ticket_id
      JOIN rag_documents d ON d.organization_id = :organization_id AND d.source_type = 'ticket'
           AND d.source_id = k.ticket_id AND d.deleted_at IS NULL
      JOIN rag_chunks c ON c.document_id = d.id AND c.ordinal = 0
      JOIN {vectors} v ON v.chunk_id = c.id
      JOIN LATERAL (SELECT body FROM messages m WHERE m.ticket_id = t.id AND m.visibility = 'public'
                     ORDER BY m.created_at, m.id LIMIT 1) m ON true
     ORDER BY v.embedding <#> CAST(:vector AS halfvec), k.ticket_id, k.field
     LIMIT :most
"""


@dataclass(frozen=True)
class Situation:
    """A ticket as it stood when triage began, and the rules of its organisation.

    Attributes:
        rejected: fields with values that an agent has said are wrong for it.
    """

    question: Question
    material: Material
    labels: Labels
    policy: TriagePolicy
    gates: dict[tuple[str, str | None], Gate]
    rejected: frozenset[tuple[str, str]]


async def read_situation(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, now: datetime) -> Situation:
    """Return all that is known of a ticket before it is judged; raise QuestionGone."""
    scope: dict[str, Any] = {"organization_id": organization_id, "ticket_id": ticket_id}
    question = await read_question(session, **scope)
    row = (await session.execute(_TICKET, scope)).one()
    firm = frozenset(name for name, by in row.decided_by.items() if by in {AuthorKind.AGENT, AuthorKind.SYSTEM})
    rejected = await session.execute(_REJECTED, scope)
    return Situation(
        question=question,
        material=material_of(question, custom=row.custom, tags=row.tags, decided=firm),
        labels=await read_labels(session, organization_id=organization_id),
        policy=(await ai_policy_of(session, organization_id=organization_id)).triage,
        gates=await gates_of(session, organization_id=organization_id, now=now),
        rejected=frozenset((one.field, one.predicted) for one in rejected),
    )


async def similar_to(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, vector: NDArray[np.float32] | None
) -> tuple[list[SimilarTicket], Collection[UUID]] | None:
    """Return the tickets most like one, and which of them its company opened; None where nothing can be compared."""
    if vector is None:
        return None
    scope: dict[str, Any] = {"organization_id": organization_id, "ticket_id": ticket_id}
    found = await similar_tickets(session, **scope, vector=vector, most=_MOST_SIMILAR)
    rows = await session.scalars(_OF_COMPANY, scope | {"tickets": [ticket.ticket_id for ticket in found]})
    return found, frozenset(rows.all())


async def nearest_corrected(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID | None,
    vector: NDArray[np.float32] | None,
    fields: Sequence[str] = ("category",),
) -> list[Neighbour]:
    """Return the five most alike tickets among those whose label a person has decided, the most alike first."""
    model = await active_model(session)
    if model is None or vector is None or len(vector) != model.dims:
        return []
    rows = await session.execute(
        text(_NEIGHBOURS.format(vectors=model.table_name)),
        {
            "organization_id": organization_id,
            "ticket_id": ticket_id,
            "fields": list(fields),
            "vector": write_vector(vector),
            "most_corrected": _MOST_CORRECTED,
            "most": MOST_NEIGHBOURS,
        },
    )
    return [Neighbour(ticket_input(row.subject, row.body), row.field, row.label) for row in rows]
