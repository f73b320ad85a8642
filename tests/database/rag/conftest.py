"""An index worker's parts, run by hand: the real embedding model, the real tables, one batch at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from helpdesk.ai.model import Embedder, ModelIdentity
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import NewArticle, create_article, publish_article
from helpdesk.models.accounts import Organization
from helpdesk.models.kb import Article
from helpdesk.models.values import ArticleVisibility
from helpdesk.queue.link import Link
from helpdesk.rag.embedding.vectors import QueryVectors
from helpdesk.rag.indexing.claim import claim
from helpdesk.rag.indexing.index import BatchReport, Indexer, index_batch
from helpdesk.rag.retrieval.query import SearchAnswer, SearchQuery
from helpdesk.rag.retrieval.search import search
from helpdesk.settings import Settings
from tests.models_fixture import embedding_server

__all__ = ["embedding_server"]

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class CountingEmbedder:
    """The real embedder, with a count of the texts it was given."""

    def __init__(self, inner: Embedder) -> None:
        self.inner = inner
        self.texts: list[str] = []

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        return await self.inner.identify(fresh=fresh)

    def named(self, name: str) -> Embedder:
        other = CountingEmbedder(self.inner.named(name))
        other.texts = self.texts
        return other

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts.extend(texts)
        return await self.inner.embed(texts)


@dataclass
class Desk:
    """One organisation, and the worker that indexes for all of them."""

    database: Database
    indexer: Indexer
    embedder: CountingEmbedder
    organization_id: UUID
    worker: UUID = field(default_factory=new_id)

    def with_embedder(self, embedder: Embedder) -> Desk:
        """Return the same desk behind another runtime."""
        return replace(self, indexer=replace(self.indexer, embedder=embedder), embedder=embedder)  # type: ignore[arg-type]

    async def index_all(self, *, limit: int = 10) -> list[BatchReport]:
        """Index until nothing waits."""
        reports = []
        while tasks := await claim(self.indexer.connection, worker=self.worker, limit=limit):
            reports.append(await index_batch(self.indexer, tasks, now=NOW))
        return reports

    async def publish(
        self,
        title: str,
        body: str,
        *,
        organization_id: UUID | None = None,
        visibility: ArticleVisibility = ArticleVisibility.PUBLIC,
    ) -> Article:
        """Write and publish an article, which queues it for the index."""
        owner = organization_id or self.organization_id
        async with self.database.transaction(owner) as session:
            new = NewArticle(title=title, body=body, visibility=visibility)
            article = await create_article(session, organization_id=owner, new=new, author_id=None, now=NOW)
            return await publish_article(session, organization_id=owner, article_id=article.id, now=NOW)

    async def find(self, words: str, *, by_words_only: bool = False, **wanted: object) -> SearchAnswer:
        """Search as the API does, showing everything that is found unless a floor is given."""
        vector = (
            None
            if by_words_only
            else await QueryVectors(self.embedder.inner).vector_of(
                self.database, words, organization_id=self.organization_id
            )
        )
        query = SearchQuery(text=words, vector=vector, **({"floor": 0.0} | wanted))  # type: ignore[arg-type]
        async with self.database.transaction(self.organization_id) as session:
            return await search(session, organization_id=self.organization_id, query=query)

    async def status_of(self, source_id: UUID) -> str | None:
        """Return where the task of a source stands."""
        rows = await self.indexer.connection.fetch("SELECT status FROM rag_index_queue WHERE source_id = $1", source_id)
        return str(rows[0]["status"]) if rows else None


@pytest.fixture
async def desk(
    settings: Settings, database: Database, organization_id: UUID, embedding_server: str
) -> AsyncIterator[Desk]:
    """Return a desk whose embedder is the real one."""
    models = connect_models(settings.model_copy(update={"ollama_host": embedding_server}))
    embedder = CountingEmbedder(models.embedder)
    link = Link(settings, application="test")
    yield Desk(database, Indexer(database, embedder, link, asyncio.Lock()), embedder, organization_id)
    await link.close()
    await models.close()


@pytest.fixture
async def other_organization_id(database: Database) -> UUID:
    """Return the id of a second organisation."""
    identifier = new_id()
    async with database.transaction(identifier) as session:
        session.add(Organization(id=identifier, slug=f"other-{identifier.hex[-8:]}", name="Other organisation"))
    return identifier
