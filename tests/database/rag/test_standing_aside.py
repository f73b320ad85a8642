"""Index workers beside others who hold what they need."""

from __future__ import annotations

from helpdesk.rag.embedding.models import ensure_active_model
from helpdesk.rag.embedding.vector_claims import claimed
from helpdesk.rag.embedding.vectors import hash_of_input
from helpdesk.rag.indexing.claim import claim
from helpdesk.rag.indexing.index import index_batch
from helpdesk.rag.questions import read_question
from helpdesk.settings import Settings
from tests.database.rag.conftest import NOW, Desk
from tests.database.rag.test_tickets_and_assets import opened


async def test_a_text_in_somebody_elses_hands_keeps_only_its_own_ticket_waiting(desk: Desk, settings: Settings) -> None:
    ticket_id = await opened(desk, settings)
    article = await desk.publish("Guide", "Restart the laptop.")
    model = await ensure_active_model(desk.database, desk.embedder)
    async with desk.database.transaction(desk.organization_id) as session:
        asked = (await read_question(session, organization_id=desk.organization_id, ticket_id=ticket_id)).text
    hashes = [hash_of_input(model.query_prefix + asked)]

    # Whoever has claimed it may have died: for two minutes nobody knows.
    async with claimed(desk.database, organization_id=desk.organization_id, model_id=model.id, hashes=hashes):
        tasks = await claim(desk.indexer.connection, worker=desk.worker)
        report = await index_batch(desk.indexer, tasks, now=NOW)

    assert (report.documents, report.handed_back, report.failed) == (1, 1, 0)
    assert await desk.status_of(article.id) == "done"
    assert await desk.status_of(ticket_id) == "pending"
    assert report.retry_after_s <= 5
