from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from helpdesk.kb.articles.commands import ArticleChanges, delete_draft, update_article
from helpdesk.kb.articles.lifecycle import StepForbidden, StepRefused
from helpdesk.kb.articles.publishing_commands import archive_article, publish_article
from helpdesk.kb.articles.review_commands import approve_article, request_review
from helpdesk.kb.articles.schedule_commands import LATE, PlanRefused, ask_for_late, carry_out_plan, plan_article
from helpdesk.models.kb import Article
from tests.database.kb.articles import NOW, Shelf

HOUR = timedelta(hours=1)
SOON, LATER = NOW + HOUR, NOW + 24 * HOUR


async def carry_out(shelf: Shelf, job: dict[str, Any]) -> bool:
    """Do what the job of a plan does."""
    article = Article(id=job["payload"]["article_id"])
    at = datetime.fromisoformat(job["payload"]["at"])
    done: bool = await shelf.do(carry_out_plan, article, action=job["payload"]["action"], at=at, now=at)
    return done


async def pending(shelf: Shelf) -> list[dict[str, Any]]:
    return [job for job in await shelf.jobs("PUBLISH_ARTICLE") if job["status"] == "pending"]


async def test_an_article_is_published_and_archived_at_its_times_once(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(plan_article, article, editor=shelf.lead, publish_at=SOON, archive_at=LATER)
    read = await shelf.read(article)
    assert (read.state, read.publish_at, read.publish_version, read.archive_at) == ("draft", SOON, 1, LATER)

    publishing, archiving = await pending(shelf)
    assert (publishing["run_after"], archiving["run_after"]) == (SOON, LATER)
    assert await carry_out(shelf, publishing)
    assert not await carry_out(shelf, publishing)
    read = await shelf.read(article)
    assert (read.state, read.publish_at, read.published_at) == ("published", None, SOON)
    assert await carry_out(shelf, archiving)
    assert (await shelf.read(article)).state == "archived"
    steps = await shelf.rows("SELECT kind, through FROM kb_article_events ORDER BY id")
    assert [(step["kind"], step["through"]) for step in steps][1:] == [
        ("scheduled", "user"),
        ("published", "schedule"),
        ("archived", "schedule"),
    ]


async def test_the_version_of_the_plan_is_published_whatever_was_written_since(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(plan_article, article, editor=shelf.lead, publish_at=SOON)
    await shelf.do(update_article, article, changes=ArticleChanges(body="Half a sentence, and"), author_id=None)
    assert await carry_out(shelf, (await pending(shelf))[0])
    assert (await shelf.read(article)).body == "Open the portal."


async def test_another_plan_replaces_the_first_and_its_job(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(plan_article, article, editor=shelf.lead, publish_at=SOON)
    [first] = await pending(shelf)
    # The same moment and another one, as clocks elsewhere show them.
    vienna = timezone(HOUR)
    await shelf.do(plan_article, article, editor=shelf.lead, publish_at=LATER.astimezone(vienna))
    [second] = await pending(shelf)
    assert (second["id"] == first["id"], second["run_after"]) == (False, LATER)
    assert not await carry_out(shelf, first)
    await shelf.do(plan_article, article, editor=shelf.lead, publish_at=SOON)
    assert [job["run_after"] for job in await pending(shelf)] == [SOON]


async def test_a_plan_is_dropped_with_its_job(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(plan_article, article, editor=shelf.lead, publish_at=SOON, archive_at=LATER)
    await shelf.do(plan_article, article, editor=shelf.lead)
    read = await shelf.read(article)
    assert (read.publish_at, read.publish_version, read.archive_at) == (None, None, None)
    assert await pending(shelf) == []
    assert [kind for kind, *_ in await shelf.history(article)][-1] == "unscheduled"


@pytest.mark.parametrize(
    "times",
    [
        {"publish_at": NOW},
        {"publish_at": NOW - HOUR},
        {"archive_at": NOW - HOUR},
        {"publish_at": LATER, "archive_at": SOON},
        {"archive_at": SOON},
    ],
)
async def test_a_plan_without_sense_is_refused(shelf: Shelf, times: dict[str, datetime]) -> None:
    article = await shelf.write()
    with pytest.raises(PlanRefused):
        await shelf.do(plan_article, article, editor=shelf.lead, **times)
    assert await pending(shelf) == []


async def test_planning_takes_the_role_that_publishing_takes(shelf: Shelf) -> None:
    article = await shelf.write()
    with pytest.raises(StepForbidden):
        await shelf.do(plan_article, article, editor=shelf.agent, publish_at=SOON)
    await shelf.do(request_review, article, editor=shelf.agent)
    await shelf.do(approve_article, article, editor=shelf.lead)
    await shelf.do(plan_article, article, editor=shelf.agent, publish_at=SOON)
    await shelf.do(archive_article, article)
    with pytest.raises(StepRefused):
        await shelf.do(plan_article, article, editor=shelf.lead, publish_at=SOON)


async def test_publishing_by_hand_drops_a_plan_for_the_same_words_and_keeps_one_for_newer_ones(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(update_article, article, changes=ArticleChanges(body="Press F1."), author_id=None)
    await shelf.do(plan_article, article, editor=shelf.lead, publish_at=SOON)
    await shelf.do(publish_article, article, number=1)
    assert len(await pending(shelf)) == 1
    await shelf.do(publish_article, article)
    assert await pending(shelf) == []


async def test_archiving_and_deleting_drop_what_was_planned(shelf: Shelf) -> None:
    article, draft = await shelf.write(), await shelf.write("Another")
    for each in (article, draft):
        await shelf.do(plan_article, each, editor=shelf.lead, publish_at=SOON, archive_at=LATER)
    await shelf.do(archive_article, article)
    async with shelf.database.transaction(shelf.organization_id) as session:
        await delete_draft(session, organization_id=shelf.organization_id, article_id=draft.id)
    assert await pending(shelf) == []


async def test_a_plan_and_its_cancelling_at_once_leave_no_half(shelf: Shelf) -> None:
    for number in range(4):
        article = await shelf.write(f"Guide {number}")
        await shelf.do(plan_article, article, editor=shelf.lead, publish_at=SOON)
        [job] = await pending(shelf)
        await asyncio.gather(carry_out(shelf, job), shelf.do(plan_article, article, editor=shelf.lead))
        read = await shelf.read(article)
        assert read.publish_at is None
        assert (read.state == "published") == (read.published_version is not None)
        await shelf.rows("UPDATE job_queue SET status = 'cancelled', finished_at = now() RETURNING 1")


async def test_a_plan_whose_job_was_lost_is_taken_up_again(shelf: Shelf) -> None:
    article = await shelf.write()
    await shelf.do(plan_article, article, editor=shelf.lead, publish_at=SOON)
    await shelf.rows("DELETE FROM job_queue RETURNING 1")

    async def late(now: datetime) -> int:
        async with shelf.database.transaction(shelf.organization_id) as session:
            return await ask_for_late(session, organization_id=shelf.organization_id, now=now)

    assert await late(SOON + LATE) == 0
    assert await late(SOON + LATE + HOUR) == 1
    assert await late(SOON + LATE + HOUR) == 1
    [job] = await pending(shelf)
    assert await carry_out(shelf, job)
    assert (await shelf.read(article)).state == "published"
    assert SOON.tzinfo is UTC
