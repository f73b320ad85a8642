"""Whom a notice reaches."""

from __future__ import annotations

from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.models.values import Audience, UserRole
from tests.database.notifications.notices import Desk, furnish


@pytest.fixture
async def desk(database: Database, organization_id: UUID) -> Desk:
    return await furnish(database, organization_id)


async def test_each_is_told_once_however_many_audiences_they_are_in(desk: Desk) -> None:
    await desk.assign(desk.ada)
    await desk.watch(desk.ada)
    kim = await desk.user("kim")
    await desk.watch(kim)
    assert await desk.tell(who=(Audience.ASSIGNEE, Audience.TEAM, Audience.WATCHERS)) == 2
    assert await desk.names() == ["Ada", "Kim"]
    ada, _ = await desk.told(user_id=desk.ada)
    assert ada.told_as == ["assignee", "team", "watchers"]


async def test_where_nobody_has_the_ticket_the_next_in_line_is_told(desk: Desk) -> None:
    boss = await desk.user("boss", role=UserRole.LEAD)
    lead = await desk.user("lead")
    await desk.user("viewer", role=UserRole.VIEWER)

    async def told(*who: Audience) -> list[str]:
        await desk.change("DELETE FROM notifications")
        await desk.tell(who=who)
        return await desk.names()

    assert await told(Audience.ASSIGNEE) == ["Ada"]
    await desk.change("UPDATE teams SET lead_id = :user", user=lead)
    assert await told(Audience.ASSIGNEE) == ["Lead"]
    assert await told(Audience.TEAM) == ["Ada"]
    await desk.assign(desk.ada)
    assert await told(Audience.TEAM_LEAD, Audience.ASSIGNEE) == ["Ada", "Lead"]
    await desk.assign(None)
    await desk.change("UPDATE teams SET lead_id = NULL")
    await desk.change("UPDATE tickets SET team_id = NULL")
    assert await told(Audience.ASSIGNEE) == await told(Audience.TEAM_LEAD) == await told(Audience.TEAM) == ["Boss"]
    assert await told(Audience.WATCHERS) == []
    assert await told(Audience.CHANNEL) == []
    await desk.watch(boss)
    assert await told(Audience.WATCHERS) == ["Boss"]


async def test_inactive_users_are_never_told_and_count_as_nobody(desk: Desk) -> None:
    gone = await desk.user("gone", in_team=True, active=False)
    await desk.change(
        "INSERT INTO ticket_watchers (ticket_id, user_id, organization_id) VALUES (:ticket, :user, :organization)",
        ticket=desk.ticket_id,
        user=gone,
        organization=desk.organization_id,
    )
    await desk.assign(gone)
    await desk.change("UPDATE teams SET lead_id = :user", user=gone)
    assert await desk.tell(who=(Audience.ASSIGNEE, Audience.TEAM_LEAD, Audience.TEAM, Audience.WATCHERS)) == 1
    assert await desk.tell(kind="ticket.mentioned", who=(), user_ids=(gone,)) == 0
    assert await desk.names() == ["Ada"]


async def test_who_did_it_is_not_told_and_the_record_says_why(desk: Desk) -> None:
    await desk.assign(desk.ada)
    kim = await desk.user("kim")
    await desk.watch(kim)
    assert await desk.tell(who=(Audience.ASSIGNEE, Audience.WATCHERS), actor_id=kim) == 1
    assert await desk.names() == ["Ada"]
    assert {(row.state, row.reason) for row in await desk.told(user_id=kim)} == {("suppressed", "own_change")}


async def test_only_warnings_and_breaches_look_for_somebody_else(desk: Desk) -> None:
    await desk.user("boss", role=UserRole.ADMIN)
    for kind in ("ticket.assigned", "ticket.replied"):
        assert await desk.tell(kind=kind, who=(Audience.ASSIGNEE, Audience.WATCHERS)) == 0
    assert await desk.tell(kind="sla.breach") == 1


async def test_people_are_named_within_their_organisation_alone(
    desk: Desk, database: Database, organization_id: UUID
) -> None:
    from helpdesk.accounts.commands import create_organization, create_user
    from helpdesk.database.base import new_id

    other = new_id()
    async with database.transaction(other) as session:
        await create_organization(session, slug="other", name="Other", organization_id=other)
        stranger = await create_user(session, organization_id=other, email="s@other.example", name="Stranger")
    kim = await desk.user("kim")
    assert await desk.tell(kind="ticket.mentioned", who=(), user_ids=(kim, stranger.id)) == 1
    assert await desk.names() == ["Kim"]
