from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from helpdesk.kb.articles.commands import ArticleChanges, delete_draft, restore_version, update_article
from helpdesk.kb.articles.lifecycle import Editor, StepForbidden, StepRefused
from helpdesk.kb.articles.publishing_commands import archive_article, publish_article, restore_article
from helpdesk.kb.articles.review_commands import (
    ReasonNeeded,
    approve_article,
    reject_article,
    request_review,
    withdraw_review,
)
from helpdesk.kb.articles.rows import ArticleChanged, ArticleNotFound, EditorUnknown
from helpdesk.models.values import ArticleVisibility, UserRole
from tests.database.kb.articles import NOW, Shelf


async def test_a_draft_is_handed_in_approved_and_published_by_its_author(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(request_review, article, editor=shelf.agent, reviewer_id=shelf.lead.user_id, note="Please.")
    with pytest.raises(StepForbidden):
        await shelf.do(publish_article, article, editor=shelf.agent)
    await shelf.do(approve_article, article, editor=shelf.lead)
    await shelf.do(publish_article, article, editor=shelf.agent)

    read = await shelf.read(article)
    assert (read.state, read.published_version, read.review_version, read.reviewer_id) == ("published", 1, None, None)
    assert read.published_at == NOW
    assert await shelf.history(article) == [
        ("created", "draft", "draft"),
        ("review_requested", "draft", "review"),
        ("approved", "review", "review"),
        ("published", "review", "published"),
    ]


async def test_the_reviewer_and_then_the_author_are_told(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(request_review, article, editor=shelf.agent, reviewer_id=shelf.lead.user_id)
    await shelf.do(reject_article, article, editor=shelf.lead, note="Which portal?")

    told = [job["payload"] for job in await shelf.jobs("DELIVER_NOTIFICATION")]
    assert [(each["kind"], each["user_ids"], each["actor_id"]) for each in told] == [
        ("article.review_requested", [str(shelf.lead.user_id)], str(shelf.agent.user_id)),
        ("article.reviewed", [str(shelf.agent.user_id)], str(shelf.lead.user_id)),
    ]
    assert told[1]["title"] == "“Reset your password” was sent back."
    assert (await shelf.read(article)).state == "draft"
    notes = await shelf.rows("SELECT note FROM kb_article_events WHERE kind = 'rejected'")
    assert notes == [{"note": "Which portal?"}]


async def test_nothing_is_sent_back_without_a_reason_or_decided_twice(shelf: Shelf) -> None:
    article = await shelf.write()
    with pytest.raises(StepRefused, match="a draft cannot take this step"):
        await shelf.do(approve_article, article, editor=Editor(role=UserRole.LEAD))
    await shelf.do(request_review, article, editor=shelf.agent)
    with pytest.raises(ReasonNeeded):
        await shelf.do(reject_article, article, editor=shelf.lead, note=" ")
    with pytest.raises(StepRefused, match="waits for review already"):
        await shelf.do(request_review, article, editor=shelf.agent)
    await shelf.do(withdraw_review, article, editor=shelf.agent)
    with pytest.raises(StepRefused):
        await shelf.do(reject_article, article, editor=shelf.lead, note="no")


async def test_newer_words_of_a_published_article_are_reviewed_while_readers_keep_the_old_ones(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(publish_article, article, editor=shelf.lead)
    with pytest.raises(StepRefused, match="published already"):
        await shelf.do(request_review, article, editor=shelf.agent)
    await shelf.do(update_article, article, changes=ArticleChanges(body="Press F1."), author_id=None)
    await shelf.do(request_review, article, editor=shelf.agent)

    read = await shelf.read(article)
    assert (read.state, read.body, read.review_version) == ("published", "Open the portal.", 2)
    await shelf.do(publish_article, article, editor=shelf.lead)
    read = await shelf.read(article)
    assert (read.state, read.body, read.review_version, read.published_version) == ("published", "Press F1.", None, 2)


async def test_words_that_change_under_review_are_taken_back_from_it(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(request_review, article, editor=shelf.agent)
    await shelf.do(update_article, article, changes=ArticleChanges(tags=("a",)), author_id=None)
    assert (await shelf.read(article)).state == "review"
    await shelf.do(update_article, article, changes=ArticleChanges(body="Press F1."), author_id=None)
    assert (await shelf.read(article)).state == "draft"
    assert [kind for kind, *_ in await shelf.history(article)][-2:] == ["review_withdrawn", "written"]


async def test_an_approval_is_of_one_version_and_not_of_the_next(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(request_review, article, editor=shelf.agent)
    await shelf.do(approve_article, article, editor=shelf.lead)
    await shelf.do(update_article, article, changes=ArticleChanges(body="Send me money."), author_id=None)
    with pytest.raises(StepForbidden):
        await shelf.do(publish_article, article, editor=shelf.agent)
    await shelf.do(publish_article, article, editor=shelf.agent, number=1)
    assert (await shelf.read(article)).body == "Open the portal."


async def test_an_archived_article_is_restored_as_a_draft_and_then_published(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(publish_article, article)
    await shelf.do(archive_article, article, editor=shelf.lead, note="Old.")
    with pytest.raises(StepRefused, match="restore it first"):
        await shelf.do(publish_article, article)
    await shelf.do(restore_article, article, editor=shelf.lead)
    assert (await shelf.read(article)).state == "draft"
    # Whoever archived it took its approval away as well.
    with pytest.raises(StepForbidden):
        await shelf.do(publish_article, article, editor=shelf.agent)
    await shelf.do(publish_article, article)
    assert [step[0] for step in await shelf.history(article)] == [
        *("created", "published", "archived", "restored", "published")
    ]


async def test_publishing_and_archiving_once_more_changes_nothing(shelf: Shelf) -> None:
    article = await shelf.write()
    for _ in range(2):
        await shelf.do(publish_article, article)
    assert (await shelf.read(article)).version == 2
    for _ in range(2):
        await shelf.do(archive_article, article)
    assert (await shelf.read(article)).version == 3
    assert len(await shelf.history(article)) == 3


async def test_of_two_who_publish_at_once_one_does(shelf: Shelf) -> None:
    article = await shelf.write()
    await asyncio.gather(*(shelf.do(publish_article, article, editor=shelf.lead) for _ in range(4)))
    assert [kind for kind, *_ in await shelf.history(article)] == ["created", "published"]


async def test_publishing_and_archiving_at_once_end_archived_or_are_told(shelf: Shelf) -> None:
    for number in range(5):
        article = await shelf.write(f"Guide {number}")
        results = await asyncio.gather(
            shelf.do(publish_article, article), shelf.do(archive_article, article), return_exceptions=True
        )
        read = await shelf.read(article)
        assert (read.state, read.published_version) == ("archived", None)
        assert all(isinstance(each, StepRefused) for each in results if isinstance(each, BaseException))


async def test_whoever_saw_an_older_state_publishes_nothing(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(update_article, article, changes=ArticleChanges(body="Press F1."), author_id=None)
    with pytest.raises(ArticleChanged):
        await shelf.do(publish_article, article, expected_version=1)
    await shelf.do(publish_article, article, expected_version=2)


async def test_versions_and_history_cannot_be_rewritten_or_dropped(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(publish_article, article)
    for statement in (
        "UPDATE kb_article_versions SET body = 'x'",
        "DELETE FROM kb_article_versions",
        "UPDATE kb_article_versions SET published_at = now()",
        "UPDATE kb_article_events SET note = 'x'",
        "DELETE FROM kb_article_events",
    ):
        with pytest.raises(DBAPIError, match=r"permission denied|cannot be changed"):
            await shelf.rows(f"{statement} RETURNING 1")
    with pytest.raises(DBAPIError, match="cannot be changed"):
        async with shelf.database.transaction(shelf.organization_id, role="atum_owner") as session:
            await session.execute(text("UPDATE kb_article_versions SET body = 'x'"))


async def test_the_words_of_an_earlier_version_come_back_as_a_new_one(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(update_article, article, changes=ArticleChanges(body="Press F1."), author_id=None)
    await shelf.do(restore_version, article, number=1, editor=shelf.agent)
    await shelf.do(restore_version, article, number=1, editor=shelf.agent)
    read = await shelf.read(article)
    assert (read.latest_version, read.body) == (3, "Open the portal.")
    with pytest.raises(ArticleNotFound):
        await shelf.do(restore_version, article, number=9)


async def test_a_draft_is_deleted_with_its_versions_and_a_published_article_is_not(shelf: Shelf) -> None:
    article, other = await shelf.write(), await shelf.write("Another")
    async with shelf.database.transaction(shelf.organization_id) as session:
        scope = {"organization_id": shelf.organization_id, "article_id": article.id}
        await delete_draft(session, **scope, editor=shelf.agent)
    assert await shelf.rows("SELECT article_id FROM kb_article_versions") == [{"article_id": other.id}]
    queued = await shelf.rows("SELECT source_id FROM rag_index_queue WHERE source_id = :id", id=article.id)
    assert queued == [{"source_id": article.id}]

    await shelf.do(publish_article, other)
    await shelf.do(archive_article, other)
    await shelf.do(restore_article, other)
    with pytest.raises(StepRefused, match="Readers have seen"):
        async with shelf.database.transaction(shelf.organization_id) as session:
            await delete_draft(session, organization_id=shelf.organization_id, article_id=other.id, editor=shelf.lead)


async def test_who_may_read_and_who_owns_an_article_is_kept_in_its_history(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(publish_article, article)
    agents_only = ArticleChanges(visibility=ArticleVisibility.AGENTS)
    with pytest.raises(StepForbidden):
        await shelf.do(update_article, article, changes=agents_only, author_id=None, editor=shelf.agent)
    await shelf.do(update_article, article, changes=agents_only, author_id=None, editor=shelf.lead)
    changes = ArticleChanges(owner_id=shelf.lead.user_id)
    await shelf.do(update_article, article, changes=changes, author_id=None, editor=shelf.agent)
    kept = await shelf.rows("SELECT kind, data FROM kb_article_events WHERE kind LIKE '%_changed' ORDER BY id")
    assert kept == [
        {"kind": "visibility_changed", "data": {"from": "public", "to": "agents"}},
        {"kind": "owner_changed", "data": {"from": str(shelf.agent.user_id), "to": str(shelf.lead.user_id)}},
    ]


async def test_nobody_who_is_gone_or_elsewhere_owns_or_reviews(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.rows("UPDATE users SET active = false WHERE id = :id RETURNING 1", id=shelf.lead.user_id)
    changes = ArticleChanges(owner_id=shelf.lead.user_id)
    with pytest.raises(EditorUnknown):
        await shelf.do(update_article, article, changes=changes, author_id=None)
    with pytest.raises(EditorUnknown):
        await shelf.do(request_review, article, editor=shelf.agent, reviewer_id=shelf.lead.user_id)


async def test_what_may_be_taken_away_is(shelf: Shelf) -> None:
    article = await shelf.write(source_url="https://x.example", review_every_days=30)
    changes = ArticleChanges(clear=frozenset(("source_url", "owner_id", "review_every_days")))
    await shelf.do(update_article, article, changes=changes, author_id=None)
    read = await shelf.read(article)
    assert (read.source_url, read.owner_id, read.review_every_days) == (None, None, None)
