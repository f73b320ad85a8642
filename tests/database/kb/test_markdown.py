from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from helpdesk.accounts.commands import create_organization, create_user
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import ArticleChanges, archive_article, publish_article, update_article
from helpdesk.kb.articles.lifecycle import Editor
from helpdesk.kb.articles.queries import list_articles
from helpdesk.kb.markdown.archives import ArchiveLimits, MarkdownFile, read_zip
from helpdesk.kb.markdown.exporting import export_articles, write_zip
from helpdesk.kb.markdown.importing import FileReport, MarkdownImport
from helpdesk.models.accounts import Category
from helpdesk.models.values import ArticleDoer, ArticleState, ArticleVisibility, UserRole
from tests.database.kb.articles import NOW, Shelf, make_shelf

INSTALLATION = Editor(through=ArticleDoer.IMPORT)
VPN = "---\ntitle: VPN error\nstate: published\ntags: [vpn]\n---\n\nRestart the [client](../client.md).\n"


async def take(
    shelf: Shelf,
    files: Mapping[str, str],
    *,
    dry_run: bool = False,
    editor: Editor = INSTALLATION,
    state: ArticleState = ArticleState.DRAFT,
) -> list[FileReport]:
    taking = MarkdownImport(shelf.organization_id, editor, NOW, state)
    async with shelf.database.transaction(shelf.organization_id) as session:
        given = [MarkdownFile(name, text.encode()) for name, text in files.items()]
        return await taking.take(session, given, dry_run=dry_run)


async def outcomes(shelf: Shelf, files: Mapping[str, str], **more: Any) -> list[str]:
    return [str(report.outcome) for report in await take(shelf, files, **more)]


async def titles(shelf: Shelf) -> list[str]:
    async with shelf.database.transaction(shelf.organization_id) as session:
        page = await list_articles(session, organization_id=shelf.organization_id)
    return [article.title for article in page.items]


async def exported(shelf: Shelf) -> dict[str, str]:
    async with shelf.database.transaction(shelf.organization_id) as session:
        return {file.name: file.text async for file in export_articles(session, organization_id=shelf.organization_id)}


async def test_a_file_makes_an_article_once_and_then_only_what_changed(shelf: Shelf) -> None:
    [made] = await take(shelf, {"guides/vpn-error.md": VPN})
    assert (made.outcome, made.slug) == ("created", "vpn-error")
    for _ in range(2):
        assert await outcomes(shelf, {"guides/vpn-error.md": VPN}) == ["unchanged"]
    [article] = await shelf.rows("SELECT version, latest_version, published_version, owner_id FROM kb_articles")
    assert article == {"version": 2, "latest_version": 1, "published_version": 1, "owner_id": None}
    assert await shelf.rows("SELECT body FROM kb_article_versions") == [{"body": "Restart the [client](../client.md)."}]

    assert await outcomes(shelf, {"guides/vpn-error.md": VPN.replace("vpn]", "vpn, net]")}) == ["updated"]
    assert await outcomes(shelf, {"guides/vpn-error.md": VPN.replace("Restart", "Reinstall")}) == ["updated"]
    [article] = await shelf.rows("SELECT latest_version, published_version, tags FROM kb_articles")
    assert article == {"latest_version": 2, "published_version": 2, "tags": ["vpn"]}
    through = await shelf.rows("SELECT DISTINCT through FROM kb_article_events")
    assert through == [{"through": "import"}]


async def test_a_dry_run_says_the_same_and_stores_nothing(shelf: Shelf) -> None:
    files = {"a.md": VPN, "b.md": VPN.replace("VPN", "Wi-Fi"), "c.md": "---\nfoo: 1\n---\nx"}
    assert await outcomes(shelf, files, dry_run=True) == ["created", "created", "refused"]
    assert await titles(shelf) == []
    assert await shelf.rows("SELECT 1 FROM rag_index_queue") == []
    assert await outcomes(shelf, files) == ["created", "created", "refused"]


async def test_a_refused_file_keeps_none_of_the_others_back_and_says_where_it_is_wrong(shelf: Shelf) -> None:
    reports = await take(shelf, {"a.md": "---\ntitle: a\nvisiblity: agents\n---\nb", "b.md": VPN})
    assert [str(report.outcome) for report in reports] == ["refused", "created"]
    assert (reports[0].line, reports[0].field) == (3, "visiblity")


async def test_an_article_is_found_by_its_external_id_before_its_address(shelf: Shelf) -> None:
    first = VPN.replace("title:", "external_id: w-1\nslug: vpn\ntitle:")
    assert await outcomes(shelf, {"x.md": first}) == ["created"]
    assert await outcomes(shelf, {"renamed.md": first.replace("slug: vpn\n", "")}) == ["unchanged"]
    [moved] = await take(shelf, {"x.md": first.replace("slug: vpn", "slug: other")})
    assert (moved.outcome, moved.reason) == ("refused", "The article has the address vpn, which stays.")
    [other] = await take(shelf, {"x.md": first.replace("w-1", "w-2")})
    assert (other.outcome, other.reason) == ("refused", "Another article has the address vpn.")


async def test_two_files_of_one_article_are_not_both_taken(shelf: Shelf) -> None:
    reports = await take(shelf, {"a/vpn.md": VPN, "b/vpn.md": VPN.replace("Restart", "Reinstall")})
    assert [str(report.outcome) for report in reports] == ["created", "refused"]
    assert reports[1].reason == "The file a/vpn.md is the same article."


async def test_categories_and_owners_are_found_by_name_or_noted(shelf: Shelf) -> None:
    async with shelf.database.transaction(shelf.organization_id) as session:
        session.add(Category(organization_id=shelf.organization_id, slug="network", name="Network and VPN"))
    known = VPN.replace("title:", "category: network and vpn\nowner: ADA@desk.example\ntitle:")
    [report] = await take(shelf, {"a.md": known})
    assert report.notes == ()
    [row] = await shelf.rows("SELECT owner_id, (SELECT slug FROM categories WHERE id = category_id) FROM kb_articles")
    assert row == {"owner_id": shelf.agent.user_id, "slug": "network"}

    unknown = VPN.replace("title:", "category: food\nowner: bob@desk.example\ntitle:")
    [report] = await take(shelf, {"b.md": unknown})
    assert (report.outcome, len(report.notes)) == ("created", 2)


async def test_a_file_that_says_nothing_of_a_field_leaves_it_and_an_empty_value_takes_it_away(shelf: Shelf) -> None:
    dated = VPN.replace("title:", "review_at: 2026-12-24\nowner: ada@desk.example\ntitle:")
    await take(shelf, {"a.md": dated})
    assert await outcomes(shelf, {"a.md": VPN}) == ["unchanged"]
    assert await outcomes(shelf, {"a.md": VPN.replace("title:", "review_at:\ntitle:")}) == ["updated"]
    [row] = await shelf.rows("SELECT review_at, owner_id FROM kb_articles")
    assert row == {"review_at": None, "owner_id": shelf.agent.user_id}


async def test_the_state_of_a_file_is_brought_about_and_a_draft_takes_nothing_from_readers(shelf: Shelf) -> None:
    draft = VPN.replace("state: published\n", "")
    assert await outcomes(shelf, {"a.md": draft}) == ["created"]
    assert await outcomes(shelf, {"a.md": VPN.replace("published", "review")}) == ["updated"]
    assert await outcomes(shelf, {"a.md": VPN}) == ["updated"]
    assert await outcomes(shelf, {"a.md": draft.replace("Restart", "Reinstall")}) == ["updated"]
    [row] = await shelf.rows("SELECT state, published_version, latest_version FROM kb_articles")
    assert row == {"state": "published", "published_version": 1, "latest_version": 2}
    # What readers see is what the file says; the draft beside it is somebody's work.
    assert await outcomes(shelf, {"a.md": VPN}) == ["unchanged"]
    assert await outcomes(shelf, {"a.md": draft.replace("Restart", "Reinstall")}, state=ArticleState.PUBLISHED) == [
        "updated"
    ]
    assert await outcomes(shelf, {"a.md": VPN.replace("published", "archived")}) == ["updated"]
    [report] = await take(shelf, {"a.md": VPN})
    assert (report.outcome, report.reason) == ("refused", "The article is archived here; restore it first.")


async def test_whoever_may_not_publish_does_not_by_an_import(shelf: Shelf) -> None:
    agent = replace(shelf.agent, through=ArticleDoer.IMPORT)
    [refused, drafted] = await take(shelf, {"a.md": VPN, "b.md": VPN.replace("state: published\n", "")}, editor=agent)
    assert (refused.outcome, drafted.outcome) == ("refused", "created")
    assert "takes the role lead" in (refused.reason or "")
    assert await titles(shelf) == ["VPN error"]


async def test_an_import_asks_for_the_index_in_its_own_transaction(shelf: Shelf) -> None:
    [report] = await take(shelf, {"a.md": VPN})
    assert await shelf.rows("SELECT source_id FROM rag_index_queue") == [{"source_id": report.article_id}]


async def _another(database: Database) -> Shelf:
    identifier = new_id()
    async with database.transaction(identifier) as session:
        await create_organization(session, slug=f"o-{identifier.hex[-6:]}", name="O", organization_id=identifier)
        session.add(Category(organization_id=identifier, slug="network", name="Network"))
    return await make_shelf(database, identifier)


async def test_what_one_organisation_exports_another_one_imports_unchanged(database: Database) -> None:
    here, there = await _another(database), await _another(database)
    async with database.transaction(here.organization_id) as session:
        category = (await session.execute(Category.__table__.select())).one().id
    rich = await here.write(
        "Ärger: “no” # 1",
        body="---\r\n\r\n    code\n\n[a](./b.md)   \n\n",
        summary="Two\nlines: yes",
        language="no",
        visibility=ArticleVisibility.AGENTS,
        slug="on",
        category_id=category,
        tags=("on", "2026-01-01", "a: b"),
        products=("Corvo 14", "~"),
        external_id="0x10",
        source_url="docs/a.md",
        review_at=date(2027, 1, 1),
        review_every_days=365,
        valid_until=date(2028, 2, 29),
    )
    await here.do(publish_article, rich)
    await here.do(update_article, rich, changes=ArticleChanges(body="A draft."), author_id=None)
    await here.write("A draft")
    await here.do(archive_article, await here.write("Old"))

    files = await exported(here)
    assert set(files) == {"on.md", "a-draft.md", "old.md"}
    assert await outcomes(there, files) == ["created"] * 3
    assert await exported(there) == files
    assert await outcomes(there, files) == ["unchanged"] * 3
    assert await outcomes(here, files) == ["unchanged"] * 3


async def test_an_exported_zip_holds_the_articles_of_one_organisation(shelf: Shelf, database: Database) -> None:
    other = await _another(database)
    await other.write("Secret of another")
    for number in range(3):
        await shelf.write(f"Guide {number}")
    target = io.BytesIO()
    async with database.transaction(shelf.organization_id) as session:
        assert await write_zip(session, target, organization_id=shelf.organization_id) == 3
    assert [file.name for file in read_zip(target, ArchiveLimits())] == ["guide-0.md", "guide-1.md", "guide-2.md"]


async def test_an_import_reaches_no_article_of_another_organisation(shelf: Shelf, database: Database) -> None:
    other = await _another(database)
    theirs = await other.write("VPN error", slug="vpn", external_id="w-1")
    await take(shelf, {"vpn.md": VPN.replace("title:", "external_id: w-1\nslug: vpn\ntitle:")})
    assert (await other.read(theirs)).body == "Open the portal."
    assert await titles(shelf) == ["VPN error"]


@pytest.mark.parametrize("role", [UserRole.LEAD, UserRole.ADMIN])
async def test_an_importing_user_owns_nothing_by_it(shelf: Shelf, role: UserRole) -> None:
    async with shelf.database.transaction(shelf.organization_id) as session:
        user = await create_user(
            session, organization_id=shelf.organization_id, email="i@desk.example", name="I", role=role
        )
    await take(shelf, {"a.md": VPN}, editor=Editor(user.id, role, ArticleDoer.IMPORT))
    [row] = await shelf.rows("SELECT a.owner_id, v.author_id FROM kb_articles a JOIN kb_article_versions v ON true")
    assert row == {"owner_id": None, "author_id": user.id}
    assert isinstance(user.id, UUID)
