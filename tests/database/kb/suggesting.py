"""A desk whose tickets are indexed and looked at by hand, with the real embedding model behind a counter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder, ModelIdentity, Models
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import NewArticle, create_article, publish_article
from helpdesk.kb.gaps.finding import find_gaps
from helpdesk.kb.suggestions.suggesting import suggest_articles
from helpdesk.models.accounts import Organization
from helpdesk.models.values import TicketStatus
from helpdesk.queue.link import Link
from helpdesk.rag.embedding.vectors import ticket_input
from helpdesk.rag.indexing.claim import claim
from helpdesk.rag.indexing.index import Indexer, index_batch
from helpdesk.replies.pipeline import draft_reply
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, open_ticket, reply
from helpdesk.tickets.findings import Suggestions, suggestions_of
from helpdesk.tickets.requests import Actor
from helpdesk.triage.deciding.pipeline import triage_ticket
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.models_fixture import embedding_server

__all__ = ["NOW", "WORK", "Desk", "Open", "embedding_server", "open_desk"]

WORK = ("index", "triage", "suggest", "reply")


@dataclass
class CountingEmbedder:
    """The real embedder under a name of choice, with a record of its calls; slow enough for two to meet."""

    inner: Embedder
    name: str | None = None
    calls: list[list[str]] = field(default_factory=list)

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        known = await self.inner.identify(fresh=fresh)
        return known if self.name is None else ModelIdentity(self.name, known.digest)

    def named(self, name: str) -> Embedder:
        return self

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls.append(list(texts))
        await asyncio.sleep(0.2)
        return await self.inner.embed(texts)


@dataclass
class Desk:
    """One organisation, its tickets, and whoever works on them."""

    database: Database
    models: Models
    embedder: CountingEmbedder
    settings: Settings
    link: Link
    organization_id: UUID
    agent: Actor
    opened: int = 0

    async def open(self, **words: str) -> tuple[UUID, str]:
        """Open a ticket, with words of its own if none are given; return its id and what its vector is made from."""
        self.opened += 1
        own = {"subject": f"Tunnel {self.opened} drops", "body": f"The tunnel to site {self.opened} drops, HL-809."}
        new = vpn_ticket(**(own | words))
        async with self.database.transaction(self.organization_id) as session:
            ticket = await open_ticket(
                session,
                organization_id=self.organization_id,
                new=new,
                actor=self.agent,
                now=NOW,
                settings=self.settings,
            )
        return ticket.id, ticket_input(new.subject, new.body)

    async def do(self, work: str, ticket_id: UUID) -> None:
        """Run one kind of work on a ticket as its worker does."""
        common: dict[str, Any] = {"organization_id": self.organization_id, "ticket_id": ticket_id, "now": NOW}
        match work:
            case "index":
                indexer = Indexer(self.database, self.embedder, self.link, asyncio.Lock())
                while tasks := await claim(self.link, worker=new_id(), limit=10):
                    await index_batch(indexer, tasks, now=NOW)
            case "triage":
                await triage_ticket(self.database, self.models, **common, complete=_complete)
            case "suggest":
                await suggest_articles(self.database, self.models, **common, complete=_complete)
            case _:
                await draft_reply(
                    self.database,
                    self.models,
                    **common,
                    complete=_complete,
                    settings=self.settings,
                )

    async def find_gaps(self, now: datetime = NOW) -> dict[str, Any]:
        """Look for gaps, which reads every ticket without an article."""
        return await find_gaps(
            self.database,
            self.embedder,
            organization_id=self.organization_id,
            days=90,
            now=now,
            complete=_complete,
        )

    async def index(self) -> None:
        """Index whatever waits."""
        await self.do("index", self.organization_id)

    async def publish(self, title: str, body: str, **more: Any) -> UUID:
        """Write, publish and index an article."""
        scope: dict[str, Any] = {"organization_id": self.organization_id, "now": NOW}
        async with self.database.transaction(self.organization_id) as session:
            new = NewArticle(title=title, body=body, **more)
            article = await create_article(session, **scope, new=new, author_id=None)
            await publish_article(session, **scope, article_id=article.id)
        await self.index()
        return article.id

    async def suggest(self, ticket_id: UUID, *, now: datetime = NOW, **more: Any) -> None:
        """Suggest articles for a ticket."""
        await suggest_articles(
            self.database,
            self.models,
            organization_id=self.organization_id,
            ticket_id=ticket_id,
            now=now,
            complete=_complete,
            **more,
        )

    async def suggestions(self, ticket_id: UUID) -> Suggestions:
        """Return what is suggested for a ticket."""
        async with self.database.transaction(self.organization_id) as session:
            found = await suggestions_of(session, organization_id=self.organization_id, ticket_id=ticket_id)
        assert found is not None
        return found

    async def reply(self, ticket_id: UUID, body: str) -> None:
        """Answer a ticket in public."""
        async with self.database.transaction(self.organization_id) as session:
            await reply(
                session,
                organization_id=self.organization_id,
                ticket_id=ticket_id,
                body=body,
                actor=self.agent,
                now=NOW,
                settings=self.settings,
            )

    async def solve(self, ticket_id: UUID, resolution: str = "Done.", *, now: datetime = NOW) -> None:
        """Solve a ticket."""
        async with self.database.transaction(self.organization_id) as session:
            await change_status(
                session,
                organization_id=self.organization_id,
                ticket_id=ticket_id,
                to=TicketStatus.SOLVED,
                actor=self.agent,
                now=now,
                resolution=resolution,
            )

    async def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Run a statement in the organisation's scope."""
        async with self.database.transaction(self.organization_id) as session:
            found = await session.execute(text(sql), values)
            return [dict(row) for row in found.mappings()] if found.returns_rows else []  # type: ignore[attr-defined]

    def calls_for(self, words: str) -> int:
        """Count the calls that had a text in them."""
        return sum(any(words in sent for sent in call) for call in self.embedder.calls)


async def _complete(session: AsyncSession, **_result: object) -> None:
    await session.execute(text("SELECT 1"))


Open = Callable[[str | None], Awaitable[Desk]]


@pytest.fixture
async def open_desk(settings: Settings, database: Database, embedding_server: str) -> AsyncIterator[Open]:
    """Return what opens a desk with a model under a name; None keeps its own."""
    here = settings.model_copy(update={"ollama_host": embedding_server, "text_model": "none"})
    models = connect_models(here)
    link = Link(here, application="test")

    async def open_one(name: str | None) -> Desk:
        organization_id = new_id()
        async with database.transaction(organization_id) as session:
            session.add(Organization(id=organization_id, slug=f"desk-{organization_id.hex}", name="Desk"))
        agent = await open_a_desk(database, organization_id)
        embedder = CountingEmbedder(models.embedder, name)
        return Desk(database, replace(models, embedder=embedder), embedder, here, link, organization_id, agent)

    yield open_one
    await link.close()
    await models.close()
