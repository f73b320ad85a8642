from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import (
    ArticleChanged,
    ArticleChanges,
    ArticleEmpty,
    ArticleNotFound,
    NewArticle,
    SlugTaken,
    archive_article,
    create_article,
    publish_article,
    update_article,
)
from helpdesk.kb.articles.queries import ArticleFilter, article_by_id, article_by_slug, list_articles, versions_of
from helpdesk.models.kb import Article
from helpdesk.models.values import ArticleState

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


async def write(
    database: Database, organization_id: UUID, title: str = "Reset your password", **more: object
) -> Article:
    async with database.transaction(organization_id) as session:
        new = NewArticle(title=title, body="Open the portal.", **more)  # type: ignore[arg-type]
        return await create_article(session, organization_id=organization_id, new=new, author_id=None, now=NOW)


async def test_readers_keep_the_published_words_while_a_newer_draft_waits(
    database: Database, organization_id: UUID
) -> None:
    article = await write(database, organization_id)
    scope = {"organization_id": organization_id, "article_id": article.id}
    async with database.transaction(organization_id) as session:
        await publish_article(session, **scope, now=NOW)
        await update_article(session, **scope, changes=ArticleChanges(body="Press F1."), author_id=None, now=NOW)
        shown = await article_by_slug(session, organization_id=organization_id, slug="reset-your-password")
        assert (shown.number, shown.body, shown.latest_version) == (1, "Open the portal.", 2)
        assert (await article_by_id(session, **scope, number=2)).body == "Press F1."

        await publish_article(session, **scope, now=NOW)
        assert (await article_by_id(session, **scope)).body == "Press F1."
        await publish_article(session, **scope, number=1, now=NOW)
        assert (await article_by_id(session, **scope)).body == "Open the portal."
        assert [version.number for version in await versions_of(session, **scope)] == [2, 1]


async def test_a_change_of_anything_but_words_makes_no_version(database: Database, organization_id: UUID) -> None:
    article = await write(database, organization_id)
    scope = {"organization_id": organization_id, "article_id": article.id}
    async with database.transaction(organization_id) as session:
        changes = ArticleChanges(tags=("a", "b"), title="Reset your password")
        changed = await update_article(session, **scope, changes=changes, author_id=None, now=NOW)
        assert (changed.latest_version, changed.version, changed.tags) == (1, 2, ["a", "b"])


async def test_whoever_edits_an_older_state_is_told(database: Database, organization_id: UUID) -> None:
    article = await write(database, organization_id)
    with pytest.raises(ArticleChanged):
        async with database.transaction(organization_id) as session:
            await update_article(
                session,
                organization_id=organization_id,
                article_id=article.id,
                changes=ArticleChanges(body="x"),
                author_id=None,
                now=NOW,
                expected_version=7,
            )


async def test_addresses_are_unique_within_an_organisation(database: Database, organization_id: UUID) -> None:
    slugs = [(await write(database, organization_id)).slug for _ in range(3)]
    assert slugs == ["reset-your-password", "reset-your-password-2", "reset-your-password-3"]
    with pytest.raises(SlugTaken):
        await write(database, organization_id, slug="reset-your-password")


async def test_an_article_needs_words(database: Database, organization_id: UUID) -> None:
    with pytest.raises(ArticleEmpty):
        await write(database, organization_id, title="  ")
    with pytest.raises(ArticleNotFound):
        async with database.transaction(organization_id) as session:
            await archive_article(session, organization_id=organization_id, article_id=new_id(), now=NOW)


async def test_pages_go_through_all_articles_once(database: Database, organization_id: UUID) -> None:
    written = [(await write(database, organization_id, title=f"Guide {number}")).id for number in range(5)]
    async with database.transaction(organization_id) as session:
        await publish_article(session, organization_id=organization_id, article_id=written[1], now=NOW)
        scope = {"organization_id": organization_id, "limit": 2}
        seen: list[UUID] = []
        after = None
        while True:
            page = await list_articles(session, **scope, after=after)
            seen += [item.id for item in page.items]
            if (after := page.next_after) is None:
                break
        assert seen == written[::-1]
        wanted = ArticleFilter(state=ArticleState.PUBLISHED)
        assert [item.id for item in (await list_articles(session, **scope, wanted=wanted)).items] == [written[1]]
        wanted = ArticleFilter(words="guide 3")
        assert [item.id for item in (await list_articles(session, **scope, wanted=wanted)).items] == [written[3]]


async def test_a_change_and_its_index_request_are_one_transaction(database: Database, organization_id: UUID) -> None:
    with pytest.raises(RuntimeError, match="undo"):
        async with database.transaction(organization_id) as session:
            new = NewArticle(title="Lost", body="Lost.")
            await create_article(session, organization_id=organization_id, new=new, author_id=None, now=NOW)
            raise RuntimeError("undo")
    article = await write(database, organization_id)
    async with database.transaction(organization_id) as session:
        queued = await session.execute(text("SELECT source_id FROM rag_index_queue"))
        assert [row.source_id for row in queued] == [article.id]
