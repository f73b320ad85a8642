"""The scheduler of a worker, and several of them: one job per tick, also after a time when none ran."""

import asyncio
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from helpdesk.queue.link import Link
from helpdesk.queue.schedule import SCHEDULE
from helpdesk.queue.schedule_file import ScheduleFile
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY
from tests.database.queue.jobs import link
from workers.scheduler import Scheduler

OFF = "".join(f"[{entry.name}]\nenabled = false\n" for entry in SCHEDULE)


@pytest.fixture
def schedule(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings with a schedule of its own file, where nothing that is shipped is due."""
    file = tmp_path / "schedule.toml"
    file.write_text(OFF)
    return settings.model_copy(update={"schedule_file": file})


def add(schedule: Settings, tables: str) -> None:
    assert schedule.schedule_file is not None
    schedule.schedule_file.write_text(schedule.schedule_file.read_text() + tables)


async def looked(schedule: Settings) -> float:
    async with link(schedule) as own:
        return await Scheduler(own, ScheduleFile(schedule)).look()


async def ticks(connection: Link, name: str) -> list[datetime]:
    rows = await connection.fetch("SELECT tick_at FROM cron_ticks WHERE name = $1 ORDER BY tick_at", name)
    return [row["tick_at"] for row in rows]


async def jobs(connection: Link) -> int:
    return int((await connection.fetch("SELECT count(*) FROM job_queue"))[0][0])


async def been_away(connection: Link, name: str, hours: float) -> None:
    """Let the last tick of an entry be so long ago."""
    await connection.fetch(
        "INSERT INTO cron_ticks VALUES ($1, date_trunc('minute', now()) - make_interval(secs => $2))",
        name,
        hours * 3600,
    )


@pytest.mark.parametrize(("missed", "expected"), [("skip", 5), ("latest", 1), ("all", 48)])
async def test_after_a_time_without_workers_each_policy_makes_up_for_what_it_says(
    schedule: Settings, organization_id: UUID, connection: Link, missed: str, expected: int
) -> None:
    add(schedule, f'[e]\ncron = "* * * * *"\njob_type = "TEST_ECHO"\nmissed = "{missed}"\nmost = 48\n')
    await been_away(connection, "e", hours=30)
    await looked(schedule)
    # The clock may have passed a full minute between the two.
    found = (await ticks(connection, "e"))[1:]
    assert len(found) in {expected, expected + 1}
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(found))
    assert datetime.now(UTC) - found[-1] < timedelta(minutes=1, seconds=5)
    assert await jobs(connection) == len(found)
    made = len(found)
    await looked(schedule)
    assert len((await ticks(connection, "e"))[1:]) <= made + 1


async def test_ten_schedulers_that_begin_together_after_a_day_make_each_tick_once(
    schedule: Settings, organization_id: UUID, connection: Link
) -> None:
    add(schedule, '[a]\ncron = "*/15 * * * *"\njob_type = "TEST_ECHO"\nmissed = "all"\nmost = 96\n')
    add(schedule, '[b]\ncron = "*/15 * * * *"\njob_type = "TEST_ECHO"\n')
    for name in "ab":
        await been_away(connection, name, hours=40)
    await asyncio.gather(*(looked(schedule) for _ in range(10)))
    found = {name: (await ticks(connection, name))[1:] for name in "ab"}
    assert (len(found["a"]), len(found["b"])) == (96, 1)
    assert await jobs(connection) == 97


async def test_schedulers_in_processes_of_their_own_make_each_tick_once(
    schedule: Settings, organization_id: UUID, connection: Link
) -> None:
    add(schedule, '[m]\ncron = "* * * * *"\njob_type = "RECONCILE_INDEX"\nmissed = "all"\nmost = 300\n')
    await been_away(connection, "m", hours=4)
    program = (
        "import asyncio\n"
        "from helpdesk.queue.link import Link\n"
        "from helpdesk.queue.schedule_file import ScheduleFile\n"
        "from helpdesk.settings import Settings\n"
        "from workers.scheduler import Scheduler\n"
        "async def main():\n"
        "    settings = Settings()\n"
        "    await Scheduler(Link(settings, application='scheduler'), ScheduleFile(settings)).look()\n"
        "asyncio.run(main())\n"
    )
    environment = os.environ | {
        "ATUM_DATABASE_URL": schedule.database_url,
        "ATUM_SCHEDULE_FILE": str(schedule.schedule_file),
    }
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=REPOSITORY, env=environment)
        for _ in range(4)
    ]
    assert [await process.wait() for process in processes] == [0] * 4
    found = (await ticks(connection, "m"))[1:]
    assert 240 <= len(found) <= 242
    assert await jobs(connection) == len(found)


async def test_a_new_entry_waits_for_its_first_tick_and_one_that_is_off_for_none(
    schedule: Settings, organization_id: UUID, connection: Link
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(hours=20)
    add(schedule, f'[n]\ncron = "{tomorrow:%M %H} * * *"\njob_type = "TEST_ECHO"\n')
    assert 0 < await looked(schedule) <= 10
    assert await jobs(connection) == 0
    names = {row["name"] for row in await connection.fetch("SELECT name FROM cron_ticks")}
    assert names == {"n:since"}
    # Everything was off when the tick came.
    await connection.fetch("UPDATE cron_ticks SET tick_at = tick_at - interval '1 day'")
    await looked(schedule)
    assert await jobs(connection) == 1


async def test_an_edited_file_is_read_and_a_broken_one_changes_nothing(
    schedule: Settings, organization_id: UUID, connection: Link
) -> None:
    async with link(schedule) as own:
        scheduler = Scheduler(own, ScheduleFile(schedule))
        await scheduler.look()
        assert schedule.schedule_file is not None
        good = schedule.schedule_file.read_text()
        with capture_logs() as logs:
            add(schedule, "[e]\ncron = ")
            await scheduler.look()
        assert [entry["event"] for entry in logs] == ["schedule_refused"]
        schedule.schedule_file.write_text(good + '[e]\ncron = "* * * * *"\njob_type = "TEST_ECHO"\n')
        with capture_logs() as logs:
            await scheduler.look()
    assert logs[0]["event"] == "schedule_read"
    assert await jobs(connection) >= 1


async def test_an_entry_that_cannot_be_enqueued_does_not_hold_up_the_others(
    schedule: Settings, organization_id: UUID, connection: Link
) -> None:
    add(schedule, '[a]\ncron = "* * * * *"\njob_type = "TEST_ECHO"\n[b]\ncron = "* * * * *"\njob_type = "TEST_ECHO"\n')
    file = ScheduleFile(schedule)
    broken = tuple(replace(entry, job_type="GONE") if entry.name == "a" else entry for entry in file.entries())
    file._entries = broken
    with capture_logs() as logs:
        await Scheduler(connection, file).look()
    assert {(entry["event"], entry["entry"]) for entry in logs} == {
        ("schedule_entry_refused", "a"),
        ("schedule_fired", "b"),
    }
