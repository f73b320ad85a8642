from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.accounts.login import WrongLogin, log_in
from helpdesk.accounts.queries import organization_of_slug
from helpdesk.database.engine import Database
from helpdesk.demo.loader import LoadedDemo, load_demo, set_demo_password

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PASSWORD = "a-demo-password"


async def _rows(database: Database, demo: LoadedDemo, statement: str) -> list[Any]:
    async with database.transaction(None) as session:
        organization = await organization_of_slug(session, slug=demo.slug)
    assert organization is not None
    async with database.transaction(organization.id) as session:
        return list((await session.execute(text(statement))).all())


async def _one(database: Database, demo: LoadedDemo, statement: str) -> Any:
    return (await _rows(database, demo, statement))[0][0]


@pytest.fixture
async def demo(database: Database) -> LoadedDemo:
    return await load_demo(database, password=PASSWORD, now=NOW)


async def test_everything_is_there_after_loading(database: Database, demo: LoadedDemo) -> None:
    assert demo.created
    assert await _one(database, demo, "SELECT count(*) FROM kb_articles WHERE state = 'published'") >= 40
    assert await _one(database, demo, "SELECT count(*) FROM assets WHERE owner_id IS NOT NULL") >= 20
    assert await _one(database, demo, "SELECT count(*) FROM tickets WHERE status IN ('solved', 'closed')") >= 60
    assert await _one(database, demo, "SELECT count(*) FROM sla_policies") == 3
    holidays = "SELECT holidays ->> '2026-12-25' FROM sla_calendar_versions WHERE timezone = 'Europe/Vienna'"
    assert "Christmas Day" in await _one(database, demo, holidays)
    leads = "SELECT count(*) FROM teams JOIN users ON users.id = teams.lead_id WHERE users.role = 'lead'"
    assert await _one(database, demo, leads) == 5


async def test_closed_tickets_cause_index_work_only(database: Database, demo: LoadedDemo) -> None:
    # The end of the peak season is the only thing that is waited for.
    waiting = await _rows(database, demo, "SELECT job_type, run_after FROM job_queue")
    assert [tuple(job) for job in waiting] == [("RETARGET_CLOCKS", datetime(2026, 12, 23, 23, 0, tzinfo=UTC))]
    queued = await _rows(
        database, demo, "SELECT source_type, count(DISTINCT source_id) FROM rag_index_queue GROUP BY 1 ORDER BY 1"
    )
    stored = {
        "asset": await _one(database, demo, "SELECT count(*) FROM assets"),
        "kb": await _one(database, demo, "SELECT count(*) FROM kb_articles"),
        "ticket": await _one(database, demo, "SELECT count(*) FROM tickets"),
    }
    assert {row[0]: row[1] for row in queued} == stored


async def test_the_history_lies_in_the_past_and_has_ended_clocks(database: Database, demo: LoadedDemo) -> None:
    latest = await _one(database, demo, "SELECT max(occurred_at) FROM ticket_events")
    assert latest <= NOW
    assert await _one(database, demo, "SELECT count(*) FROM sla_clocks WHERE state = 'running'") == 0
    assert await _one(database, demo, "SELECT count(*) FROM tickets WHERE reopen_count > 0") == 2


async def test_loading_twice_changes_nothing(database: Database, demo: LoadedDemo) -> None:
    before = await _one(database, demo, "SELECT count(*) FROM tickets")

    again = await load_demo(database, password="another-password", now=NOW)

    assert not again.created
    assert await _one(database, demo, "SELECT count(*) FROM tickets") == before
    await log_in(database, organization=demo.slug, email=demo.email, password=PASSWORD, now=NOW)


async def test_a_lost_password_is_replaced(database: Database, demo: LoadedDemo) -> None:
    await set_demo_password(database, password="the-new-password")

    session = await log_in(database, organization=demo.slug, email=demo.email, password="the-new-password", now=NOW)
    assert isinstance(session.user.id, UUID)
    with pytest.raises(WrongLogin):
        await log_in(database, organization=demo.slug, email=demo.email, password=PASSWORD, now=NOW)
