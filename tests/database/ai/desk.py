"""A help desk with three articles in the index, real vectors and a text model that says what a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Models
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import NewArticle, create_article, publish_article
from helpdesk.kb.suggestions.suggesting import suggest_articles
from helpdesk.models.values import ArticleVisibility
from helpdesk.queue.link import Link
from helpdesk.rag.indexing.claim import claim
from helpdesk.rag.indexing.index import Indexer, index_batch
from helpdesk.replies.pipeline import draft_reply
from helpdesk.replies.style import NOTHING_SPECIAL, Wanted
from helpdesk.settings import Settings
from helpdesk.tickets.commands import open_ticket
from helpdesk.tickets.requests import Actor
from helpdesk.triage.deciding.pipeline import triage_ticket
from tests.database.desk import NOW, vpn_ticket
from tests.scripted_ollama import ScriptedOllama

VPN = """\
HL-809 means that the gateway never answered the VPN client.

## Network blocks UDP 4500

Hotels and trains allow only web traffic. Tell the client to use TCP 443:

1. Open **Preferences > Transport** and choose *Web only*.
2. Connect again. The icon shows a small "w".

Do not disable the company firewall to make the VPN connect.

## Other errors

Write down the code and send it to `https://desk.example/vpn`.
"""
BATTERY = """\
**Stop using the laptop. Do not charge it.** A swollen battery can catch fire.

## What to do

1. Unplug the charger at the wall.
2. Put the laptop on a stone floor, away from paper.
3. Call 4400 and say "battery emergency".
"""
MAILBOX = """\
A mailbox holds 50 GB. At 49 GB sending stops.

## Make room

1. Empty *Deleted items* and *Junk*.
2. Search for `size:>10MB` and save large attachments elsewhere.
"""
RUNBOOK = """\
Agents only: reset the VPN gateway with the code 7731 when HL-809 hits everybody.
"""


async def nothing_to_complete(_session: AsyncSession) -> None:
    """Stand for a job that has nothing to complete."""


@dataclass
class AiDesk:
    """One organisation with everything its tickets need."""

    database: Database
    models: Models
    ollama: ScriptedOllama
    organization_id: UUID
    agent: Actor
    settings: Settings

    async def open(self, **ticket: object) -> UUID:
        async with self.database.transaction(self.organization_id) as session:
            opened = await open_ticket(
                session,
                organization_id=self.organization_id,
                new=vpn_ticket(**ticket),
                actor=self.agent,
                now=NOW,
                settings=self.settings,
            )
            return opened.id

    async def triage(self, ticket_id: UUID, *, models: Models | None = None) -> None:
        await triage_ticket(
            self.database,
            models or self.models,
            organization_id=self.organization_id,
            ticket_id=ticket_id,
            now=NOW,
            complete=nothing_to_complete,
        )

    async def suggest(self, ticket_id: UUID, *, models: Models | None = None) -> None:
        await suggest_articles(
            self.database,
            models or self.models,
            organization_id=self.organization_id,
            ticket_id=ticket_id,
            now=NOW,
            complete=nothing_to_complete,
        )

    def models_with(self, language: Any) -> Models:
        return Models(embedder=self.models.embedder, language=language)

    async def draft(
        self,
        ticket_id: UUID,
        *,
        wanted: Wanted = NOTHING_SPECIAL,
        models: Models | None = None,
        now: datetime = NOW,
        **changed: object,
    ) -> None:
        await draft_reply(
            self.database,
            models or self.models,
            organization_id=self.organization_id,
            ticket_id=ticket_id,
            now=now,
            complete=nothing_to_complete,
            settings=self.settings.model_copy(update=changed),
            wanted=wanted,
        )

    async def rows(self, statement: str, **values: object) -> Sequence[Any]:
        async with self.database.transaction(self.organization_id) as session:
            return (await session.execute(text(statement), values)).all()

    async def execute(self, statement: str, **values: object) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await session.execute(text(statement), values)

    async def predictions(self, ticket_id: UUID) -> dict[str, Any]:
        rows = await self.rows(
            "SELECT * FROM triage_predictions WHERE ticket_id = :ticket_id AND superseded_at IS NULL",
            ticket_id=ticket_id,
        )
        return {row.field: row for row in rows}

    async def draft_of(self, ticket_id: UUID) -> Any:
        [row] = await self.rows(
            "SELECT * FROM reply_drafts WHERE ticket_id = :ticket_id AND superseded_at IS NULL", ticket_id=ticket_id
        )
        return row

    async def publish(self, title: str, body: str, visibility: ArticleVisibility) -> None:
        async with self.database.transaction(self.organization_id) as session:
            article = await create_article(
                session,
                organization_id=self.organization_id,
                new=NewArticle(title=title, body=body, visibility=visibility),
                author_id=None,
                now=NOW,
            )
            await publish_article(session, organization_id=self.organization_id, article_id=article.id, now=NOW)

    async def index_all(self) -> None:
        link = Link(self.settings, application="test")
        indexer = Indexer(self.database, self.models.embedder, link, asyncio.Lock())
        while tasks := await claim(indexer.connection, worker=new_id(), limit=10):
            await index_batch(indexer, tasks, now=NOW)
        await link.close()
