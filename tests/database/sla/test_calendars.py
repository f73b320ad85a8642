import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Delete, Update, delete, text, update
from sqlalchemy.exc import DBAPIError

from helpdesk.accounts.commands import create_user
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import User
from helpdesk.models.sla import CalendarVersion
from helpdesk.models.values import UserRole
from helpdesk.sla.calendars.commands import (
    CalendarChanged,
    CalendarInUse,
    CalendarNameTaken,
    add_holidays,
    change_calendar,
    create_calendar,
    delete_calendar,
    rename_calendar,
)
from helpdesk.sla.calendars.holiday_exceptions import HolidayRequest, find_holidays
from helpdesk.sla.calendars.queries import (
    CalendarInVersion,
    CalendarNotFound,
    calendar_by_id,
    list_calendars,
    versions_of,
)
from helpdesk.sla.policies.commands import create_policy
from helpdesk.sla.rules.calendar import CalendarNeverOpen
from tests.database.desk import NOW, OFFICE_HOURS

CLOSED = {"exceptions": {"2026-12-24": []}}


async def made(database: Database, organization_id: UUID, **more: Any) -> UUID:
    async with database.transaction(organization_id) as session:
        calendar = await create_calendar(
            session,
            organization_id=organization_id,
            **({"name": "office", "definition": OFFICE_HOURS, "now": NOW} | more),
        )
    return calendar.id


async def changed(database: Database, organization_id: UUID, calendar_id: UUID, **more: Any) -> int:
    values: dict[str, Any] = {"definition": CLOSED, "now": NOW, "by": None, "note": None} | more
    async with database.transaction(organization_id) as session:
        version = await change_calendar(session, organization_id=organization_id, calendar_id=calendar_id, **values)
    return version.number


async def read(database: Database, organization_id: UUID, calendar_id: UUID, **more: Any) -> CalendarInVersion:
    async with database.transaction(organization_id) as session:
        return await calendar_by_id(session, organization_id=organization_id, calendar_id=calendar_id, **more)


async def put_to_use(database: Database, organization_id: UUID, name: str = "standard") -> None:
    async with database.transaction(organization_id) as session:
        await create_policy(
            session,
            organization_id=organization_id,
            name=name,
            position=1,
            calendar="office",
            targets={"normal": {"resolution": 60}},
        )


async def waiting_jobs(database: Database, organization_id: UUID) -> list[dict[str, Any]]:
    async with database.transaction(organization_id) as session:
        rows = await session.scalars(
            text("SELECT payload FROM job_queue WHERE job_type = 'RETARGET_CLOCKS' AND organization_id = :id"),
            {"id": organization_id},
        )
        return list(rows)


@pytest.mark.parametrize("statement", [update(CalendarVersion).values(note="rewritten"), delete(CalendarVersion)])
async def test_the_application_can_neither_change_a_version_nor_take_one_out(
    database: Database, organization_id: UUID, statement: Update | Delete
) -> None:
    calendar_id = await made(database, organization_id)
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.transaction(organization_id) as session:
            await session.execute(statement.where(CalendarVersion.calendar_id == calendar_id))


async def test_a_version_keeps_who_made_it_when_and_why(database: Database, organization_id: UUID) -> None:
    async with database.transaction(organization_id) as session:
        user = await create_user(
            session, organization_id=organization_id, email="ada@desk.example", name="Ada", role=UserRole.ADMIN
        )
    calendar_id = await made(database, organization_id, by=user.id, note="First")
    first = await read(database, organization_id, calendar_id)
    await changed(database, organization_id, calendar_id)
    async with database.transaction(organization_id) as session:
        await session.execute(delete(User).where(User.id == user.id))
    async with database.transaction(organization_id) as session:
        later = await versions_of(session, organization_id=organization_id, calendar_id=calendar_id)

    assert (first.version, first.changed_by, first.note, first.changed_at) == (1, "Ada", "First", NOW)
    assert [(version.version, version.changed_by, version.note) for version in later] == [
        (2, None, None),
        (1, None, "First"),
    ]
    assert later[0].weekly == OFFICE_HOURS["weekly"]
    assert (later[0].current_version, later[1].current_version) == (2, 2)


async def test_equal_hours_make_no_version_however_they_are_written(database: Database, organization_id: UUID) -> None:
    calendar_id = await made(
        database,
        organization_id,
        definition={"timezone": "UTC", "weekly": {"mon": [["09:00", "24:00"], ["06:00", "08:00"]]}},
    )
    same = {"weekly": {"mon": [["06:00", "08:00"], ["09:00", "00:00"], ["06:00", "08:00"]], "tue": []}}
    assert await changed(database, organization_id, calendar_id, definition=same) == 1
    assert await changed(database, organization_id, calendar_id, definition={}) == 1
    assert (await read(database, organization_id, calendar_id)).weekly == {
        "mon": [["06:00", "08:00"], ["09:00", "24:00"]]
    }


async def test_of_two_who_saw_the_same_version_one_is_told(database: Database, organization_id: UUID) -> None:
    calendar_id = await made(database, organization_id)
    outcomes = await asyncio.gather(
        *[
            changed(
                database,
                organization_id,
                calendar_id,
                definition={"exceptions": {f"2027-01-0{day}": []}},
                expected_version=1,
            )
            for day in range(1, 6)
        ],
        return_exceptions=True,
    )
    assert sorted(map(type, outcomes), key=str) == sorted([int, *[CalendarChanged] * 4], key=str)
    assert (await read(database, organization_id, calendar_id)).version == 2


async def test_writers_who_name_no_version_follow_each_other(database: Database, organization_id: UUID) -> None:
    calendar_id = await made(database, organization_id)
    lists = find_holidays([HolidayRequest("AT", [2026])])

    async def take_holidays() -> None:
        async with database.transaction(organization_id) as session:
            await add_holidays(
                session,
                organization_id=organization_id,
                calendar_id=calendar_id,
                lists=lists,
                now=NOW,
                by=None,
                note=None,
            )

    numbers = changed(database, organization_id, calendar_id, definition={"timezone": "UTC"})
    await asyncio.gather(take_holidays(), numbers, take_holidays())
    now = await read(database, organization_id, calendar_id)
    assert (now.version, now.timezone, len(now.exceptions), len(now.holidays)) == (3, "UTC", 13, 13)


async def test_a_refused_change_leaves_everything_as_it_was(database: Database, organization_id: UUID) -> None:
    calendar_id = await made(database, organization_id)
    await put_to_use(database, organization_id)
    before = await read(database, organization_id, calendar_id)
    with pytest.raises(CalendarNeverOpen):
        await changed(database, organization_id, calendar_id, definition={"weekly": {}})
    assert await read(database, organization_id, calendar_id) == before
    assert await waiting_jobs(database, organization_id) == []


async def test_hours_too_few_for_what_a_policy_promises_are_refused(database: Database, organization_id: UUID) -> None:
    calendar_id = await made(database, organization_id)
    await put_to_use(database, organization_id)
    once = {"weekly": {}, "exceptions": {"2026-06-01": [["09:00", "10:00"]]}}
    assert await changed(database, organization_id, calendar_id, definition=once) == 2
    less = {"weekly": {}, "exceptions": {"2026-06-01": [["09:00", "09:59"]]}}
    with pytest.raises(CalendarNeverOpen, match="the policy 'standard' promises 60 minutes"):
        await changed(database, organization_id, calendar_id, definition=less)


async def test_open_tickets_follow_only_where_the_hours_of_a_policy_change(
    database: Database, organization_id: UUID
) -> None:
    calendar_id = await made(database, organization_id)
    await changed(database, organization_id, calendar_id)
    assert await waiting_jobs(database, organization_id) == []
    await put_to_use(database, organization_id)
    await changed(database, organization_id, calendar_id)
    assert await waiting_jobs(database, organization_id) == []
    await changed(database, organization_id, calendar_id, definition={"exceptions": {}})
    await changed(database, organization_id, calendar_id)
    assert [job["calendar_id"] for job in await waiting_jobs(database, organization_id)] == [str(calendar_id)]


async def test_a_used_calendar_stays_even_for_a_policy_that_is_being_made(
    database: Database, organization_id: UUID
) -> None:
    calendar_id = await made(database, organization_id)
    about_to_commit = asyncio.Event()

    async def make_policy() -> None:
        async with database.transaction(organization_id) as session:
            await create_policy(
                session,
                organization_id=organization_id,
                name="late",
                position=1,
                calendar="office",
                targets={"normal": {"resolution": 60}},
            )
            about_to_commit.set()
            await asyncio.sleep(0.3)

    async def remove() -> None:
        await about_to_commit.wait()
        async with database.transaction(organization_id) as session:
            await delete_calendar(session, organization_id=organization_id, calendar_id=calendar_id)

    _, refused = await asyncio.gather(make_policy(), remove(), return_exceptions=True)
    assert isinstance(refused, CalendarInUse)
    assert "late" in refused.detail
    assert (await read(database, organization_id, calendar_id)).policies == ["late"]


async def test_an_unused_calendar_goes_with_its_versions(database: Database, organization_id: UUID) -> None:
    calendar_id = await made(database, organization_id)
    await changed(database, organization_id, calendar_id)
    async with database.transaction(organization_id) as session:
        await delete_calendar(session, organization_id=organization_id, calendar_id=calendar_id)
    async with database.transaction(organization_id) as session:
        assert await list_calendars(session, organization_id=organization_id) == []
        left = text("SELECT count(*) FROM sla_calendar_versions WHERE calendar_id = :id")
        assert await session.scalar(left, {"id": calendar_id}) == 0


async def test_a_name_is_given_once_and_the_transaction_goes_on(database: Database, organization_id: UUID) -> None:
    await made(database, organization_id)
    other = await made(database, organization_id, name="other")
    async with database.transaction(organization_id) as session:
        with pytest.raises(CalendarNameTaken, match="'office'"):
            await create_calendar(
                session, organization_id=organization_id, name="office", definition=OFFICE_HOURS, now=NOW
            )
        with pytest.raises(CalendarNameTaken):
            await rename_calendar(session, organization_id=organization_id, calendar_id=other, name="office")
        await rename_calendar(session, organization_id=organization_id, calendar_id=other, name="branch")
    assert (await read(database, organization_id, other)).name == "branch"


async def test_what_is_not_there_is_not_found(database: Database, organization_id: UUID) -> None:
    for call in (
        read(database, organization_id, new_id()),
        read(database, organization_id, new_id(), version=1),
        changed(database, organization_id, new_id()),
    ):
        with pytest.raises(CalendarNotFound):
            await call
