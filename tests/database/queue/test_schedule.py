"""Ticks become jobs: once, whoever offers them."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import pytest
from pydantic import ValidationError

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.models.values import JobPriority
from helpdesk.queue.fire import SINCE, database_now, fire, take_tick, taken_until
from helpdesk.queue.link import Link
from helpdesk.queue.schedule import SCHEDULE, CronEntry, ticks_due, upcoming
from helpdesk.queue.schedule_state import schedule_state
from helpdesk.settings import Settings
from tests.database.queue.jobs import Echo, history, known, link

TICK = datetime(2026, 3, 3, 9, 15, tzinfo=UTC)
METRICS = SCHEDULE[0]
HOURLY = CronEntry(name="hourly", cron="0 * * * *", job_type="TEST_ECHO")
AGO = {"skip": [], "latest": [9], "all": [7, 8, 9]}


async def more_organizations(database: Database, count: int) -> None:
    for n in range(count):
        async with database.transaction(extra := new_id()) as session:
            session.add(Organization(id=extra, slug=f"more-{n}", name="More"))


async def test_ten_schedulers_make_one_job_per_tick_and_organisation(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    await more_organizations(database, 1)

    async def offer() -> int:
        async with link(settings) as own:
            made = [await fire(own, METRICS, tick=TICK + timedelta(minutes=15 * n)) for n in range(3)]
            return sum(jobs or 0 for jobs in made)

    assert sum(await asyncio.gather(*(offer() for _ in range(10)))) == 6
    jobs = await connection.fetch("SELECT id, organization_id, job_type, payload, priority FROM job_queue")
    buckets = {(job["organization_id"], json.loads(job["payload"])["bucket_start"]) for job in jobs}
    assert {bucket for _, bucket in buckets} == {f"2026-03-03T09:{n:02}:00Z" for n in (0, 15, 30)}
    assert len(buckets) == len(jobs) == 6
    assert {(job["job_type"], job["priority"]) for job in jobs} == {("METRICS_SNAPSHOT", "low")}
    assert await history(connection, jobs[0]["id"]) == ["enqueued"]


async def test_the_ids_of_scheduled_jobs_are_of_the_same_kind_as_all_others(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await more_organizations(database, 20)
    earlier = new_id()
    await asyncio.sleep(0.002)
    assert await fire(connection, METRICS, tick=TICK) == 21
    ids = [job["id"] for job in await connection.fetch("SELECT id FROM job_queue")]
    assert {(UUID(str(job)).version, UUID(str(job)).variant) for job in ids} == {(7, earlier.variant)}
    assert str(earlier) < min(map(str, ids))
    await asyncio.sleep(0.002)
    assert max(map(str, ids)) < str(new_id())


async def test_a_tick_of_an_organisation_of_its_own_makes_one_job(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await more_organizations(database, 3)
    entry = replace(HOURLY, scope="operator", payload={"n": 7}, priority=JobPriority.HIGH)
    assert await fire(connection, entry, tick=TICK) == 1
    [job] = await connection.fetch("SELECT * FROM job_queue")
    assert (job["organization_id"], json.loads(job["payload"]), job["priority"]) == (organization_id, {"n": 7}, "high")
    assert (job["max_retries"], job["timeout_s"], job["unique_key"]) == (Echo.max_retries, Echo.timeout_s, None)
    [event] = await connection.fetch("SELECT detail FROM job_events")
    assert event["detail"] == "hourly"


async def test_a_tick_makes_no_second_job_where_jobs_are_coalesced(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await more_organizations(database, 1)
    entry = replace(HOURLY, coalesce=True)
    assert await fire(connection, entry, tick=TICK) == 2
    await connection.fetch(
        "UPDATE job_queue SET status = 'completed', finished_at = now() WHERE organization_id = $1", organization_id
    )
    assert await fire(connection, entry, tick=TICK + timedelta(hours=1)) == 1
    assert await fire(connection, entry, tick=TICK + timedelta(hours=2)) == 1 - 1
    assert await fire(connection, entry, tick=TICK + timedelta(hours=2)) is None
    keys = await connection.fetch("SELECT DISTINCT unique_key FROM job_queue")
    assert [row["unique_key"] for row in keys] == ["cron:hourly"]


async def test_scheduled_jobs_are_limited_as_their_type_says(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    class Limited(Echo):
        job_type: ClassVar = "TEST_LIMITED"
        limited_by: ClassVar = "tenant"

    await more_organizations(database, 1)
    with known(Limited):
        await fire(connection, replace(HOURLY, job_type="TEST_LIMITED"), tick=TICK)
    for job in await connection.fetch("SELECT organization_id, limit_key FROM job_queue"):
        assert job["limit_key"] == f"tenant:TEST_LIMITED:{job['organization_id']}"


async def test_a_tick_whose_job_cannot_be_made_is_not_taken(organization_id: UUID, connection: Link) -> None:
    with pytest.raises(ValidationError):
        await fire(connection, replace(HOURLY, payload={"n": "many"}), tick=TICK)
    assert await connection.fetch("SELECT name FROM cron_ticks") == []


async def test_a_tick_of_upkeep_is_taken_once(connection: Link) -> None:
    day = timedelta(days=1)
    assert await take_tick(connection, "transaction_horizon", every=day)
    assert not await take_tick(connection, "transaction_horizon", every=day)
    await connection.fetch("UPDATE cron_ticks SET tick_at = tick_at - interval '1 day'")
    assert await take_tick(connection, "transaction_horizon", every=day)


async def test_the_clock_of_the_database_counts(connection: Link) -> None:
    assert abs(await database_now(connection) - datetime.now(UTC)) < timedelta(seconds=5)


async def test_an_entry_that_is_new_is_known_from_shortly_before_it_was_first_seen(connection: Link) -> None:
    first = await taken_until(connection, ["hourly", "daily"])
    assert {
        abs(await database_now(connection) - at - timedelta(minutes=5)) < timedelta(seconds=5) for at in first.values()
    } == {True}
    assert await taken_until(connection, ["daily", "hourly"]) == first
    await connection.fetch(
        "INSERT INTO cron_ticks VALUES ('hourly', $1), ('hourly', $2)", TICK, TICK - timedelta(hours=1)
    )
    assert await taken_until(connection, ["daily", "hourly"]) == {"daily": first["daily"], "hourly": TICK}
    names = {row["name"] for row in await connection.fetch("SELECT name FROM cron_ticks")}
    assert names == {"hourly", "hourly" + SINCE, "daily" + SINCE}


@pytest.mark.parametrize("missed", ["skip", "latest", "all"])
def test_after_a_time_without_workers_the_policy_says_what_is_made_up_for(missed: str) -> None:
    now = TICK.replace(hour=9, minute=40)
    entry = replace(HOURLY, missed=missed, most=3)
    due = ticks_due(entry, after=now - timedelta(days=2), now=now)
    assert [tick.hour for tick in due] == AGO[missed]
    # One of a moment ago is not missed, only late.
    assert ticks_due(replace(entry, most=1), after=now - timedelta(days=2), now=TICK.replace(minute=4)) == [
        TICK.replace(minute=0)
    ]
    assert ticks_due(entry, after=due[-1] if due else now, now=now) == []


async def test_the_schedule_tells_the_last_and_the_next_tick(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await taken_until(connection, ["hourly", "off"])
    await fire(connection, HOURLY, tick=TICK.replace(minute=0))
    off = replace(HOURLY, name="off", enabled=False)
    async with database.transaction(organization_id) as session:
        hourly, disabled = await schedule_state(session, [HOURLY, off], TICK)
    assert (hourly.last_tick, hourly.next_tick) == (TICK.replace(minute=0), TICK.replace(hour=10, minute=0))
    assert (disabled.enabled, disabled.last_tick, disabled.next_tick) == (False, None, None)


def test_every_shipped_entry_comes_and_fits_its_job_type() -> None:
    names = [entry.name for entry in SCHEDULE]
    assert len(set(names)) == len(names)
    assert {"metrics_snapshot", "clean_up", "reconcile_index", "sla_report", "back_up", "retrain_triage"} <= set(names)
    assert all(upcoming(entry, TICK) for entry in SCHEDULE)
