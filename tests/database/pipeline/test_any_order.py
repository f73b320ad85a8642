"""The jobs of a ticket may run in any order, and the ticket ends the same."""

from __future__ import annotations

import asyncio
from itertools import permutations
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Models
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import NewArticle, create_article, publish_article
from helpdesk.kb.suggestions.suggesting import suggest_articles
from helpdesk.models.accounts import Organization
from helpdesk.queue.link import Link
from helpdesk.rag.indexing.claim import claim
from helpdesk.rag.indexing.index import Indexer, index_batch
from helpdesk.replies.pipeline import draft_reply
from helpdesk.settings import Settings
from helpdesk.sla.prediction.commands import predict_breaches
from helpdesk.tickets.commands import open_ticket
from helpdesk.tickets.findings import findings_of
from helpdesk.tickets.queries import get_ticket
from helpdesk.triage.deciding.pipeline import triage_ticket
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.models_fixture import embedding_server

__all__ = ["embedding_server"]

ARTICLE = """The VPN client reports HL-809 when its connection timed out.

## What to do

1. Quit the VPN client and open it again.
2. Choose the gateway by hand under Settings, Gateway.
3. If HL-809 comes back, restart the laptop and try another network.
"""
KINDS = ("TRIAGE_TICKET", "KB_SUGGEST", "SMART_REPLY", "SLA_PREDICT")
_PENDING = text("SELECT id, job_type FROM job_queue WHERE status = 'pending' AND job_type = ANY(:kinds) ORDER BY id")
_COMPLETE = text("UPDATE job_queue SET status = 'completed', finished_at = now() WHERE id = :id")


class Desk:
    """One organisation with an article and a ticket, and its jobs run by hand."""

    def __init__(self, database: Database, models: Models, settings: Settings) -> None:
        self.database, self.models, self.settings = database, models, settings
        self.organization_id: UUID = new_id()
        self.ticket_id: UUID = new_id()

    async def furnish(self) -> None:
        async with self.database.transaction(self.organization_id) as session:
            slug = f"org-{self.organization_id.hex}"
            session.add(Organization(id=self.organization_id, slug=slug, name="Desk"))
        agent = await open_a_desk(self.database, self.organization_id)
        scope = {"organization_id": self.organization_id}
        async with self.database.transaction(self.organization_id) as session:
            new = NewArticle(title="VPN error HL-809: connection timed out", body=ARTICLE)
            article = await create_article(session, **scope, new=new, author_id=None, now=NOW)
            await publish_article(session, **scope, article_id=article.id, now=NOW)
        await self.index()
        async with self.database.transaction(self.organization_id) as session:
            ticket = await open_ticket(session, **scope, new=vpn_ticket(), actor=agent, now=NOW, settings=self.settings)
        self.ticket_id = ticket.id

    async def index(self) -> None:
        link = Link(self.settings, application="test")
        try:
            indexer = Indexer(self.database, self.models.embedder, link, asyncio.Lock())
            worker = new_id()
            while tasks := await claim(link, worker=worker, limit=10):
                await index_batch(indexer, tasks, now=NOW)
        finally:
            await link.close()

    async def pending(self) -> list[tuple[UUID, str]]:
        async with self.database.transaction(self.organization_id) as session:
            return [tuple(row) for row in await session.execute(_PENDING, {"kinds": list(KINDS)})]  # type: ignore[misc]

    async def run(self, job_id: UUID, kind: str) -> None:
        async def complete(session: AsyncSession) -> None:
            await session.execute(_COMPLETE, {"id": job_id})

        common: dict[str, Any] = {
            "organization_id": self.organization_id, "ticket_id": self.ticket_id, "now": NOW, "complete": complete,
        }  # fmt: skip
        match kind:
            case "TRIAGE_TICKET":
                await triage_ticket(self.database, self.models, **common)
            case "KB_SUGGEST":
                await suggest_articles(self.database, self.models, **common)
            case "SMART_REPLY":
                await draft_reply(self.database, self.models, **common, settings=self.settings)
            case _:
                await predict_breaches(self.database, **common)

    async def outcome(self) -> dict[str, Any]:
        async with self.database.transaction(self.organization_id) as session:
            found = await findings_of(session, organization_id=self.organization_id, ticket_id=self.ticket_id)
            ticket = await get_ticket(session, organization_id=self.organization_id, reference=self.ticket_id)
        assert found.draft is not None
        assert found.suggestions is not None
        return {
            "fields": (ticket.category, ticket.priority, ticket.team, ticket.type, ticket.status),
            "triage": [(one.field, one.value, round(one.probability, 6), one.decision) for one in found.triage],
            "articles": [(one.rank, one.title, round(one.relevance, 6)) for one in found.suggestions.items],
            "draft": (found.draft.state, found.draft.body),
            "predictions": sorted((one.metric, one.probability) for one in found.breach),
        }


async def test_the_jobs_of_a_ticket_end_the_same_in_every_order(
    database: Database, settings: Settings, embedding_server: str
) -> None:
    here = settings.model_copy(update={"ollama_host": embedding_server})
    models = connect_models(here)
    outcomes = []
    for order in permutations(KINDS):
        desk = Desk(database, models, here)
        await desk.furnish()
        jobs = {kind: job_id for job_id, kind in await desk.pending()}
        assert set(jobs) == set(KINDS)
        for kind in order:
            await desk.run(jobs[kind], kind)
        # What the jobs themselves have called for, such as a new prediction for a new priority.
        while left := await desk.pending():
            for job_id, kind in left:
                await desk.run(job_id, kind)
        outcomes.append(await desk.outcome())
    await models.close()
    async with database.transaction(desk.organization_id) as session:
        calls = list(await session.scalars(text("SELECT options ->> 'texts' FROM ai_runs WHERE kind = 'embed'")))
    # The article for the index, the ticket, and what of the article may be quoted: each call is recorded.
    assert len(calls) >= 3
    first = outcomes[0]
    assert first["draft"][0] == "drafted"
    assert first["articles"][0][1].startswith("VPN error HL-809")
    assert len(first["predictions"]) == 2
    for outcome in outcomes:
        assert outcome == first
