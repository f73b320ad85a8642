from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from helpdesk.kb.articles.commands import ArticleChanges, archive_article, publish_article, update_article
from helpdesk.kb.articles.queries import ArticleFilter, list_articles
from helpdesk.kb.articles.review_dates import DatePassed, mark_reviewed, remind_owners
from helpdesk.models.kb import Article
from helpdesk.models.notifications import Notification
from helpdesk.notifications.commands import deliver
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.settings import Settings
from tests.database.kb.articles import NOW, Shelf

TODAY = NOW.date()
DAY = timedelta(days=1)


async def published(shelf: Shelf, title: str, **more: Any) -> Article:
    article = await shelf.write(title, **more)
    await shelf.do(publish_article, article)
    return article


async def remind(shelf: Shelf, *, days: int = 0) -> int:
    async with shelf.database.transaction(shelf.organization_id) as session:
        return await remind_owners(session, organization_id=shelf.organization_id, now=NOW + days * DAY)


async def due(shelf: Shelf, *, on: date = TODAY) -> list[str]:
    async with shelf.database.transaction(shelf.organization_id) as session:
        page = await list_articles(session, organization_id=shelf.organization_id, wanted=ArticleFilter(due_on=on))
    return [article.title for article in page.items]


async def notices(shelf: Shelf) -> list[dict[str, Any]]:
    return [job["payload"] for job in await shelf.jobs("DELIVER_NOTIFICATION")]


async def test_an_owner_is_told_once_for_each_date(shelf: Shelf) -> None:
    article = await published(shelf, "Printers", review_at=TODAY + 3 * DAY)
    assert (await remind(shelf), await due(shelf)) == (0, [])
    assert await remind(shelf, days=3) == 1
    assert (await remind(shelf, days=3), await remind(shelf, days=9)) == (0, 0)
    [notice] = await notices(shelf)
    assert (notice["kind"], notice["user_ids"]) == ("article.review_due", [str(shelf.agent.user_id)])
    assert notice["title"] == "“Printers” is due for review since 2026-11-25."
    assert notice["data"]["article_slug"] == "printers"

    await shelf.do(mark_reviewed, article, editor=shelf.agent, now=NOW + 9 * DAY, next_at=TODAY + 20 * DAY)
    assert await remind(shelf, days=19) == 0
    assert await remind(shelf, days=20) == 1


async def test_telling_is_no_change_of_the_article(shelf: Shelf) -> None:
    article = await published(shelf, "Printers", review_at=TODAY)
    before = await shelf.read(article)
    assert await remind(shelf) == 1
    assert await shelf.read(article) == before


async def test_what_holds_no_longer_is_flagged_and_told_and_stays(shelf: Shelf) -> None:
    article = await published(shelf, "Christmas hours", valid_until=TODAY)
    assert (await remind(shelf), await due(shelf)) == (0, [])
    assert await remind(shelf, days=1) == 1
    assert await due(shelf, on=TODAY + DAY) == ["Christmas hours"]
    assert (await notices(shelf))[0]["title"] == "“Christmas hours” was valid until 2026-11-22."
    read = await shelf.read(article)
    assert (read.state, read.is_due(TODAY), read.is_due(TODAY + DAY)) == ("published", False, True)


async def test_drafts_and_archived_articles_are_due_for_nothing(shelf: Shelf) -> None:
    await shelf.write("A draft", review_at=TODAY)
    article = await published(shelf, "Old", review_at=TODAY)
    await shelf.do(archive_article, article)
    assert (await remind(shelf), await due(shelf)) == (0, [])


async def test_the_day_is_the_organisation_s(shelf: Shelf) -> None:
    await shelf.rows("UPDATE organizations SET timezone = 'Pacific/Auckland' RETURNING 1")
    await published(shelf, "Printers", review_at=TODAY + DAY)
    # 22:00 in Auckland; three hours later it is tomorrow there.
    assert await remind(shelf) == 0
    async with shelf.database.transaction(shelf.organization_id) as session:
        told = await remind_owners(session, organization_id=shelf.organization_id, now=NOW + timedelta(hours=3))
    assert told == 1


async def test_a_look_sets_the_next_date_by_the_interval(shelf: Shelf) -> None:
    article = await published(shelf, "Printers", review_at=TODAY, review_every_days=30)
    await shelf.do(mark_reviewed, article, editor=shelf.agent)
    assert (await shelf.read(article)).review_at == TODAY + 30 * DAY
    await shelf.do(
        update_article, article, changes=ArticleChanges(clear=frozenset(("review_every_days",))), author_id=None
    )
    await shelf.do(mark_reviewed, article, editor=shelf.agent)
    assert (await shelf.read(article)).review_at == TODAY + 180 * DAY
    with pytest.raises(DatePassed):
        await shelf.do(mark_reviewed, article, editor=shelf.agent, next_at=TODAY)
    kept = await shelf.rows("SELECT data FROM kb_article_events WHERE kind = 'reviewed' ORDER BY id LIMIT 1")
    assert kept == [{"data": {"was_due": "2026-11-22", "next": "2026-12-22"}}]


async def test_those_who_lead_hear_of_what_belongs_to_nobody_who_is_there(shelf: Shelf) -> None:
    await published(shelf, "Printers", review_at=TODAY)
    await shelf.rows("UPDATE users SET active = false WHERE id = :id RETURNING 1", id=shelf.agent.user_id)
    await remind(shelf)
    [payload] = await notices(shelf)
    notice = DeliverNotification.model_validate(payload)
    async with shelf.database.transaction(shelf.organization_id) as session:
        told = await deliver(
            session, organization_id=shelf.organization_id, notice=notice, now=NOW, settings=Settings()
        )
        assert told == {shelf.lead.user_id}
        again = await deliver(
            session, organization_id=shelf.organization_id, notice=notice, now=NOW, settings=Settings()
        )
        assert again == set()
    rows = await shelf.rows(f"SELECT user_id, body, ticket_id FROM {Notification.__tablename__}")
    assert rows == [{"user_id": shelf.lead.user_id, "body": "Printers", "ticket_id": None}]
