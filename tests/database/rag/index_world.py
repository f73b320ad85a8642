"""One organisation whose sources change while index workers come, die and lose their leases."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import event, text

from helpdesk.ai.model import Embedder, InputRefused, ModelBusy, ModelIdentity
from helpdesk.assets.commands import AssetChanges, NewAsset, create_asset, delete_asset, update_asset
from helpdesk.attachments.commands import attach, detach
from helpdesk.attachments.receiving import ReceivedFile
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import ArticleChanges, NewArticle, create_article, update_article
from helpdesk.kb.articles.publishing_commands import archive_article, publish_article, restore_article
from helpdesk.models.accounts import Organization
from helpdesk.models.values import ArticleVisibility, AuthorKind, SourceType, TicketStatus
from helpdesk.queue.link import Link
from helpdesk.rag.indexing.claim import IndexTaskInHand, claim, release, rescue
from helpdesk.rag.indexing.index import Indexer, index_batch
from helpdesk.rag.indexing.reconcile import reconcile
from helpdesk.rag.indexing.reindex import Reindex, reindex
from helpdesk.rag.indexing.requests import request_index
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, note, open_ticket, reply
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.rag.conftest import NOW
from tests.database.rag.snapshot import snapshot

# Stands only in what nobody but agents may read, at any time.
INTERNAL_WORD = "zanzibar"
REFUSED_WORD = "unspeakable"
PARAGRAPHS = [
    f"{'The router blocks the port and must be told to let it pass. ' * 3}Step {number} of the guide."
    for number in range(8)
]
TAGS = ("KF-L-0001", "KF-L-0002", "KF-L-0003")

Result = TypeVar("Result")


def _body_of(paragraphs: Sequence[str]) -> str:
    # Each under a heading of its own, wherever it stands, so that it is the same passage in another place.
    return "\n\n".join(f"## About {words[-20:].strip()}\n\n{words}" for words in paragraphs) or "Nothing yet."


class Killed(BaseException):
    """The process dies here."""


class SmallModel:
    """A model runtime at the foreign edge: eight numbers out of a text's digest, and whatever failure is wanted."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.away_after: int | None = None
        self.refuses = True
        # Happens once, while the next texts are embedded.
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        return ModelIdentity("small", "d" * 64)

    def named(self, name: str) -> Embedder:
        return self

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.meanwhile is not None:
            happening, self.meanwhile = self.meanwhile, None
            await happening()
        if self.away_after is not None:
            if self.away_after <= 0:
                raise ModelBusy("the runtime is away", retry_after=1)
            self.away_after -= 1
        if self.refuses and any(REFUSED_WORD in words for words in texts):
            raise InputRefused("not representable")
        self.texts.extend(texts)
        rows = [np.frombuffer(hashlib.sha256(words.encode()).digest(), np.uint8)[:8] for words in texts]
        vectors = np.stack(rows).astype(np.float32) + 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Death:
    """Ends whoever runs the n-th statement from now on."""

    def __init__(self, database: Database) -> None:
        self._left: int | None = None
        event.listen(database.engine.sync_engine, "before_cursor_execute", self._count)

    def after(self, statements: int | None) -> None:
        self._left = statements

    def _count(self, *_: Any) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Killed


class World:
    """The parts, an event loop to run them in, and one organisation an example."""

    def __init__(self, settings: Settings) -> None:
        self._runner = asyncio.Runner()
        self.settings = settings
        self.model = SmallModel()
        self.database = self.run(self._open())
        self.link = Link(settings, application="test")
        self.indexer = Indexer(self.database, self.model, self.link, asyncio.Lock())
        self.death = Death(self.database)
        self.edits = 0
        self.organization_id = new_id()
        self.articles: list[UUID] = []
        self.assets: list[UUID] = []
        self.tickets: list[UUID] = []
        self.files: list[UUID] = []
        self.hands: list[list[IndexTaskInHand]] = []

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    async def _open(self) -> Database:
        return Database(self.settings, application="test")

    def close(self) -> None:
        self.run(self.link.close())
        self.run(self.database.close())
        self._runner.close()

    async def begin(self) -> None:
        """Begin with an organisation that has assets and nothing else; nobody else's work is left."""
        await self.link.fetch("DELETE FROM rag_index_queue")
        self.organization_id = new_id()
        self.articles, self.assets, self.tickets, self.files, self.hands = [], [], [], [], []
        self.model.away_after, self.model.refuses, self.model.meanwhile = None, True, None
        self.model.texts.clear()
        async with self.database.transaction(self.organization_id) as session:
            slug = f"walk-{self.organization_id.hex[-10:]}"
            session.add(Organization(id=self.organization_id, slug=slug, name="Walk"))
        self.agent = await open_a_desk(self.database, self.organization_id)
        for tag in TAGS:
            async with self.database.transaction(self.organization_id) as session:
                made = await create_asset(session, new=NewAsset(tag, "laptop", f"Corvo {tag[-1]}"), **self.scope)
            self.assets.append(made.id)

    @property
    def scope(self) -> dict[str, Any]:
        return {"organization_id": self.organization_id, "now": NOW}

    async def write_article(self, title: str, paragraphs: Sequence[str], visibility: ArticleVisibility) -> None:
        body = _body_of(paragraphs)
        async with self.database.transaction(self.organization_id) as session:
            new = NewArticle(title=title, body=body, visibility=visibility)
            article = await create_article(session, new=new, author_id=None, **self.scope)
            await publish_article(session, article_id=article.id, **self.scope)
        self.articles.append(article.id)

    async def edit_article(self, which: int, paragraphs: Sequence[str], visibility: ArticleVisibility | None) -> None:
        if not self.articles:
            return
        article_id = self.articles[which % len(self.articles)]
        async with self.database.transaction(self.organization_id) as session:
            state = await session.scalar(text("SELECT state FROM kb_articles WHERE id = :id"), {"id": article_id})
            if state == "archived":
                await restore_article(session, article_id=article_id, **self.scope)
            changes = ArticleChanges(body=_body_of(paragraphs), visibility=visibility)
            await update_article(session, article_id=article_id, changes=changes, author_id=None, **self.scope)
            await publish_article(session, article_id=article_id, **self.scope)

    async def edit_in_hand(self, paragraphs: Sequence[str]) -> None:
        """Change an article, and once more while a worker that has read it waits for its vectors."""
        self.edits += 1
        fresh = f"{PARAGRAPHS[0]} Edit {self.edits}."
        await self.edit_article(0, [fresh, *paragraphs], None)
        await self.take(6)
        self.model.meanwhile = lambda: self.edit_article(0, [*paragraphs, fresh[::-1]], None)
        await self.work(-1)

    async def show(self, which: int, visibility: ArticleVisibility) -> None:
        """Change who may read an article, and nothing else."""
        if self.articles:
            async with self.database.transaction(self.organization_id) as session:
                article_id = self.articles[which % len(self.articles)]
                changes = ArticleChanges(visibility=visibility)
                await update_article(session, article_id=article_id, changes=changes, author_id=None, **self.scope)

    async def archive(self, which: int) -> None:
        if self.articles:
            async with self.database.transaction(self.organization_id) as session:
                await archive_article(session, article_id=self.articles[which % len(self.articles)], **self.scope)

    async def change_asset(self, which: int, location: str | None) -> None:
        if not self.assets:
            return
        asset_id = self.assets[which % len(self.assets)]
        async with self.database.transaction(self.organization_id) as session:
            if location is None:
                await delete_asset(session, organization_id=self.organization_id, asset_id=asset_id)
                self.assets.remove(asset_id)
            else:
                await update_asset(session, asset_id=asset_id, changes=AssetChanges(location=location), **self.scope)

    async def open(self, words: str) -> None:
        async with self.database.transaction(self.organization_id) as session:
            new = vpn_ticket(subject=words[:40], body=f"{words} It is {TAGS[len(words) % 3]}.")
            ticket = await open_ticket(session, new=new, actor=self.agent, settings=self.settings, **self.scope)
        self.tickets.append(ticket.id)

    async def say(self, which: int, words: str, *, internal: bool) -> None:
        if not self.tickets:
            return
        scope = self.scope | {"ticket_id": self.tickets[which % len(self.tickets)], "actor": self.agent}
        async with self.database.transaction(self.organization_id) as session:
            if internal:
                await note(session, body=f"{words} {INTERNAL_WORD}", **scope)
            else:
                await reply(session, body=words, settings=self.settings, **scope)

    async def move(self, which: int, to: TicketStatus) -> None:
        if not self.tickets:
            return
        scope = self.scope | {"ticket_id": self.tickets[which % len(self.tickets)], "actor": self.agent}
        async with self.database.transaction(self.organization_id) as session:
            resolution = f"{PARAGRAPHS[0]} {INTERNAL_WORD}" if to is TicketStatus.SOLVED else None
            await change_status(session, to=to, resolution=resolution, **scope)

    async def attach(self, which: int, words: str, *, to_note: bool) -> None:
        """Put a file on a ticket whose text is read at once."""
        if not self.tickets:
            return
        ticket_id = self.tickets[which % len(self.tickets)]
        identifier = new_id()
        file = ReceivedFile(identifier, self.settings.data_dir / identifier.hex, "text/plain", 1, "0" * 64)
        async with self.database.transaction(self.organization_id) as session:
            message_id = await session.scalar(
                text("SELECT id FROM messages WHERE ticket_id = :ticket AND visibility = :visibility LIMIT 1"),
                {"ticket": ticket_id, "visibility": "internal" if to_note else "public"},
            )
            await attach(
                session, ticket_id=ticket_id, file=file, name="a.txt", message_id=message_id,
                actor_kind=AuthorKind.AGENT, actor_id=None, **self.scope,
            )  # fmt: skip
            await session.flush()
            content = words if message_id is not None and not to_note else f"{words} {INTERNAL_WORD}"
            await session.execute(
                text("""
                    INSERT INTO attachment_texts (attachment_id, organization_id, content, extracted_at)
                    VALUES (:id, :organization_id, :content, :now)
                """),
                self.scope | {"id": identifier, "content": content},
            )
            await request_index(
                session, organization_id=self.organization_id, source_type=SourceType.TICKET, source_id=ticket_id
            )
        self.files.append(identifier)

    async def remove_file(self, which: int) -> None:
        if not self.files:
            return
        identifier = self.files.pop(which % len(self.files))
        async with self.database.transaction(self.organization_id) as session:
            actor = {"actor_kind": AuthorKind.AGENT, "actor_id": None}
            await detach(session, attachment_id=identifier, **actor, **self.scope)

    async def take(self, limit: int) -> None:
        """Let a worker take tasks in hand, and do nothing with them yet."""
        await self.link.fetch("UPDATE rag_index_queue SET run_after = now() WHERE status = 'pending'")
        if tasks := await claim(self.link, worker=new_id(), limit=limit):
            self.hands.append(tasks)

    async def work(self, which: int, *, dies_after: int | None = None) -> None:
        """Let a worker index what it has in hand, or die at a statement on the way."""
        if not self.hands:
            return
        tasks = self.hands.pop(which % len(self.hands))
        self.death.after(dies_after)
        try:
            with suppress(Killed):
                await index_batch(self.indexer, tasks, now=NOW)
        finally:
            self.death.after(None)

    async def work_side_by_side(self) -> None:
        """Let all workers index at once, those that lost their leases too."""
        hands, self.hands = self.hands, []
        await asyncio.gather(*(index_batch(self.indexer, tasks, now=NOW) for tasks in hands))

    async def lose_leases(self) -> None:
        """Give everything in hand to others; those who have it do not know."""
        await rescue(self.link, timeout_s=-1)

    async def hand_back(self, which: int) -> None:
        if self.hands:
            await release(self.link, self.hands.pop(which % len(self.hands)), reason="stopped")

    async def look_for_missed(self) -> int:
        async with self.database.transaction(self.organization_id) as session:
            return await reconcile(session, organization_id=self.organization_id, open_tickets=True)

    async def settle(self) -> None:
        """Let everything come to rest: the runtime is there, no worker dies, what was given up is tried again."""
        self.model.away_after = self.model.meanwhile = None
        self.hands = []
        await self.lose_leases()
        async with self.database.transaction(self.organization_id) as session:
            await reindex(session, organization_id=self.organization_id, what=Reindex.FAILED)
        await self.drain()
        while await self.look_for_missed():
            # What is said on an open ticket waits for the reconciler; whatever else changes asks by itself.
            rows = await self.link.fetch("SELECT DISTINCT source_type FROM rag_index_queue WHERE status = 'pending'")
            assert [row["source_type"] for row in rows] == ["ticket"]
            await self.drain()

    async def drain(self) -> None:
        await self.take(10)
        while self.hands:
            await self.work_side_by_side()
            await self.take(10)

    async def queue_everything(self) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await reindex(session, organization_id=self.organization_id, what=Reindex.EVERYTHING)

    async def what_is_indexed(self) -> dict[str, Any]:
        async with self.database.transaction(self.organization_id) as session:
            return await snapshot(session)

    async def rebuild(self, seed: int) -> None:
        """Throw the index away and make it anew, in another order."""
        async with self.database.transaction(self.organization_id) as session:
            for table in ("rag_documents", "rag_nodes", "rag_term_stats", "rag_corpus_stats", "rag_input_vectors"):
                await session.execute(text(f"DELETE FROM {table}"))
            await session.execute(text("DELETE FROM rag_index_queue"))
        await self.look_for_missed()
        rows = await self.link.fetch("SELECT id FROM rag_index_queue ORDER BY id")
        for row in rows:
            place = random.Random(f"{seed}{row['id']}").randrange(10)
            await self.link.fetch("UPDATE rag_index_queue SET priority = $2 WHERE id = $1", row["id"], place)
        await self.drain()
