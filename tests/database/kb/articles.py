"""Articles and those who work on them, for the tests of the knowledge base."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.commands import create_user
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import NewArticle, create_article
from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.kb.articles.queries import article_by_id, history_of
from helpdesk.models.kb import Article
from helpdesk.models.values import UserRole

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@dataclass
class Shelf:
    """An organisation's articles, with an agent and a lead who work on them."""

    database: Database
    organization_id: UUID
    agent: Editor
    lead: Editor

    async def write(
        self, title: str = "Reset your password", *, body: str = "Open the portal.", **more: Any
    ) -> Article:
        async with self.database.transaction(self.organization_id) as session:
            return await create_article(
                session,
                organization_id=self.organization_id,
                new=NewArticle(title=title, body=body, **more),
                author_id=self.agent.user_id,
                now=NOW,
            )

    async def do(self, command: Any, article: Article, *, now: datetime = NOW, **values: Any) -> Any:
        """Run a command on an article in a transaction of its own."""
        async with self.database.transaction(self.organization_id) as session:
            return await command(
                session, organization_id=self.organization_id, article_id=article.id, now=now, **values
            )

    async def read(self, article: Article) -> Any:
        async with self.database.transaction(self.organization_id) as session:
            return await article_by_id(session, organization_id=self.organization_id, article_id=article.id)

    async def history(self, article: Article) -> list[tuple[str, str | None, str]]:
        """Return (kind, state before, state after) of each step, the oldest first."""
        async with self.database.transaction(self.organization_id) as session:
            steps = await history_of(session, organization_id=self.organization_id, article_id=article.id)
        return [(step.kind, step.from_state, step.to_state) for step in reversed(steps)]

    async def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        async with self.database.transaction(self.organization_id) as session:
            return [dict(row) for row in (await session.execute(text(sql), values)).mappings()]

    async def jobs(self, job_type: str) -> list[dict[str, Any]]:
        return await self.rows(
            "SELECT id, payload, status, run_after FROM job_queue WHERE job_type = :job_type ORDER BY run_after, id",
            job_type=job_type,
        )


async def make_shelf(database: Database, organization_id: UUID) -> Shelf:
    async with database.transaction(organization_id) as session:
        agent = await _user(session, organization_id, "ada", UserRole.AGENT)
        lead = await _user(session, organization_id, "lea", UserRole.LEAD)
    return Shelf(database, organization_id, agent, lead)


async def _user(session: AsyncSession, organization_id: UUID, name: str, role: UserRole) -> Editor:
    user = await create_user(
        session, organization_id=organization_id, email=f"{name}@desk.example", name=name.title(), role=role
    )
    return Editor(user.id, role)
