"""Try triage out on words that are no ticket: what it would say, with nothing stored."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from helpdesk.accounts.ai_policy_queries import ai_policy_of
from helpdesk.ai.model import Models
from helpdesk.ai.providers.choice import language_for
from helpdesk.database.engine import Database
from helpdesk.rag.embedding.vectors import QueryVectors
from helpdesk.triage.deciding.assessing import Assessed
from helpdesk.triage.deciding.material import Material
from helpdesk.triage.deciding.pipeline import assess, record_call
from helpdesk.triage.deciding.situation import nearest_corrected
from helpdesk.triage.deciding.votes import fit_stackers, settled_votes
from helpdesk.triage.learning.champion import current_classifier
from helpdesk.triage.learning.examples import read_labels
from helpdesk.triage.learning.gates import gates_of


async def preview_triage(
    database: Database,
    models: Models,
    query_vectors: QueryVectors,
    *,
    organization_id: UUID,
    material: Material,
    now: datetime,
) -> Assessed:
    """Return what triage would say of a text; without vectors, by its words alone.

    No prediction is stored. A call of the text model is recorded like any other, since it costs what any other does.

    Raises:
        ModelBusy: there is no classifier yet, and nothing to train one with for now.
    """
    async with database.transaction(organization_id) as session:
        labels = await read_labels(session, organization_id=organization_id)
        policy = (await ai_policy_of(session, organization_id=organization_id)).triage
        gates = await gates_of(session, organization_id=organization_id, now=now)
    vector = await query_vectors.vector_of(database, material.text, organization_id=organization_id)
    classifier = await current_classifier(
        database, models.embedder, organization_id=organization_id, labels=labels, now=now
    )
    async with database.transaction(organization_id) as session:
        neighbours = await nearest_corrected(session, organization_id=organization_id, ticket_id=None, vector=vector)
        language = await language_for(session, models, organization_id=organization_id, now=now, interactive=True)
        votes = await settled_votes(session, organization_id=organization_id)
    assessed = await assess(
        classifier,
        material=material,
        vector=vector,
        labels=labels,
        policy=policy,
        gates=gates,
        neighbours=neighbours,
        stackers=await fit_stackers(votes),
        language=language,
    )
    if assessed.asked is not None:
        async with database.transaction(organization_id) as session:
            await record_call(session, organization_id=organization_id, asked=assessed.asked, ticket_id=None, now=now)
    return assessed
