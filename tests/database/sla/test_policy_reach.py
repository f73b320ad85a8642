"""A promise that its calendar could never let run out is refused, and the calendar stays until it is made."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.sla.calendars.commands import CalendarInUse, change_calendar, create_calendar, delete_calendar
from helpdesk.sla.policies import commands
from helpdesk.sla.policies.commands import NewPolicy, PolicyChanges
from helpdesk.sla.policies.definition import PolicyReferenceUnknown
from helpdesk.sla.rules.calendar import CalendarNeverOpen
from tests.database.desk import NOW
from tests.database.lock_waits import until_waiting

ONE_DAY = (NOW + timedelta(days=3)).date().isoformat()
# Open for one hour in its whole life.
RARE = {"timezone": "UTC", "weekly": {}, "exceptions": {ONE_DAY: [["09:00", "10:00"]]}}


async def rare_calendar(database: Database, organization_id: UUID) -> UUID:
    async with database.transaction(organization_id) as session:
        made = await create_calendar(session, organization_id=organization_id, name="rare", definition=RARE, now=NOW)
        return made.id


def promise(minutes: int, **rest: Any) -> dict[str, Any]:
    return {"calendar": "rare", "targets": {"normal": {"resolution": minutes}}} | rest


async def made(database: Database, organization_id: UUID, definition: Mapping[str, Any]) -> UUID:
    async with database.transaction(organization_id) as session:
        new = NewPolicy("rarely", definition)
        return await commands.introduce_policy(session, organization_id=organization_id, new=new, by=None, now=NOW)


async def test_a_target_longer_than_its_calendar_opens_is_refused(database: Database, organization_id: UUID) -> None:
    await rare_calendar(database, organization_id)
    with pytest.raises(CalendarNeverOpen, match="promises 61 minutes"):
        await made(database, organization_id, promise(61))
    assert await made(database, organization_id, promise(60))


async def test_a_level_above_the_target_must_be_within_reach_too(database: Database, organization_id: UUID) -> None:
    await rare_calendar(database, organization_id)
    with pytest.raises(CalendarNeverOpen):
        await made(database, organization_id, promise(31, thresholds=[100, 200]))
    assert await made(database, organization_id, promise(30, thresholds=[100, 200]))


async def test_a_change_or_a_restored_policy_out_of_reach_is_refused(database: Database, organization_id: UUID) -> None:
    calendar_id = await rare_calendar(database, organization_id)
    policy_id = await made(database, organization_id, promise(60))
    with pytest.raises(CalendarNeverOpen):
        async with database.transaction(organization_id) as session:
            policy = await commands.lock_policy(session, organization_id=organization_id, policy_id=policy_id)
            changes = PolicyChanges(definition=promise(61))
            await commands.change_policy(session, policy=policy, changes=changes, by=None, now=NOW)
    async with database.transaction(organization_id) as session:
        policy = await commands.lock_policy(session, organization_id=organization_id, policy_id=policy_id)
        assert policy.current_version == 1
        await commands.archive_policy(session, policy=policy)
    async with database.transaction(organization_id) as session:
        # Nobody goes by it now, so that it may open for less.
        await change_calendar(
            session,
            organization_id=organization_id,
            calendar_id=calendar_id,
            definition={"exceptions": {ONE_DAY: [["09:00", "09:30"]]}},
            now=NOW,
            by=None,
            note=None,
        )
    with pytest.raises(CalendarNeverOpen):
        async with database.transaction(organization_id) as session:
            policy = await commands.lock_policy(session, organization_id=organization_id, policy_id=policy_id)
            await commands.restore_policy(session, policy=policy, now=NOW)


async def test_a_calendar_deleted_while_a_policy_is_made_counts_as_unknown(
    database: Database, organization_id: UUID
) -> None:
    calendar_id = await rare_calendar(database, organization_id)
    async with database.transaction(organization_id) as session:
        await delete_calendar(session, organization_id=organization_id, calendar_id=calendar_id)
        making = asyncio.create_task(made(database, organization_id, promise(60)))
        await until_waiting(database)
    with pytest.raises(PolicyReferenceUnknown, match="no calendar"):
        await making


async def test_a_calendar_is_in_use_as_soon_as_a_policy_on_it_is_saved(
    database: Database, organization_id: UUID
) -> None:
    calendar_id = await rare_calendar(database, organization_id)

    async def delete() -> None:
        async with database.transaction(organization_id) as session:
            await delete_calendar(session, organization_id=organization_id, calendar_id=calendar_id)

    async with database.transaction(organization_id) as session:
        new = NewPolicy("rarely", promise(60))
        await commands.introduce_policy(session, organization_id=organization_id, new=new, by=None, now=NOW)
        deleting = asyncio.create_task(delete())
        await until_waiting(database)
    with pytest.raises(CalendarInUse, match="rarely"):
        await deleting
