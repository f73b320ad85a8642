from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from helpdesk.sla.policies.commands import create_policy
from tests.database.desk import TARGETS
from tests.database.tickets.escalating import Scene, scene_of


@pytest.fixture
async def scene(database: Database, organization_id: UUID, settings: Settings) -> Scene:
    return await scene_of(database, organization_id, settings, team="network")


async def test_a_user_is_given_the_ticket_and_told_like_by_any_assignment(scene: Scene) -> None:
    grace = await scene.user("grace")
    assert await scene.apply({"do": "reassign", "user_id": str(grace)}) is None

    ticket = await scene.ticket()
    assert ticket.assignee_id == grace
    (event,) = await scene.events("ticket.assigned")
    assert (event.data["assignee"], event.data["team"]) == (str(grace), str(ticket.team_id))
    assert event.data["cause"]["action"] == {"do": "reassign", "user_id": str(grace)}
    notice = (await scene.jobs("DELIVER_NOTIFICATION"))[-1]
    assert (notice["kind"], notice["who"], notice["title"]) == ("ticket.assigned", ["assignee"], "#1 is now yours")
    assert notice["dedupe_key"] == str(event.id)
    assert await scene.apply({"do": "reassign", "user_id": str(grace)}) == "They have the ticket already."


async def test_the_lead_of_the_tickets_team_is_given_the_ticket(scene: Scene) -> None:
    action = {"do": "reassign", "team_lead": True}
    assert await scene.apply(action) == "Nobody leads the ticket's team."
    grace = await scene.user("grace")
    await scene.team("network", lead=grace)
    assert await scene.apply(action) is None
    assert (await scene.ticket()).assignee_id == grace
    await scene.assign(team=None)
    assert await scene.apply(action) == "The ticket has no team."


async def test_a_user_who_is_gone_or_inactive_is_given_nothing(scene: Scene) -> None:
    grace = await scene.user("grace")
    async with scene.database.transaction(scene.organization_id) as session:
        await session.execute(text("UPDATE users SET active = false WHERE id = :id"), {"id": grace})
    for user_id in (grace, new_id()):
        reason = await scene.apply({"do": "reassign", "user_id": str(user_id)})
        assert reason == "The user is gone or no longer active."
    await scene.team("network", lead=None)
    assert (await scene.ticket()).assignee_id is None


async def test_another_team_gets_the_ticket_without_those_who_are_not_of_it(scene: Scene) -> None:
    second = await scene.team("second-level")
    both = await scene.user("bo", teams=(second,))
    await scene.assign(assignee=scene.agent.id)
    assert await scene.apply({"do": "reassign", "team": "second-level"}) is None

    ticket = await scene.ticket()
    assert (ticket.team_id, ticket.assignee_id, ticket.decided_by["team"]) == (second, None, "system")
    notice = (await scene.jobs("DELIVER_NOTIFICATION"))[-1]
    assert (notice["who"], notice["title"]) == (["team"], "#1 was passed on to your team")
    await scene.assign(team="network", assignee=both)
    await scene.apply({"do": "reassign", "team": "second-level"}, level=74)
    ticket = await scene.ticket()
    assert (ticket.team_id, ticket.assignee_id) == (second, both)
    assert await scene.apply({"do": "reassign", "team": "gone"}) == "There is no team 'gone'."


async def test_two_policies_that_pass_a_ticket_to_and_fro_come_to_rest(scene: Scene) -> None:
    await scene.team("second-level")
    async with scene.database.transaction(scene.organization_id) as session:
        await create_policy(
            session,
            organization_id=scene.organization_id,
            name="second",
            position=0,
            calendar="always",
            targets=TARGETS,
            conditions={"all": [{"field": "team", "op": "is", "value": "second-level"}]},
        )
    to_and_fro = ("second-level", "network", "second-level", "network")
    reasons = [await scene.apply({"do": "reassign", "team": team}) for team in to_and_fro]
    assert reasons[0] is None
    assert reasons[1:] == [
        "It was done at this level before.",
        "They have the ticket already.",
        "It was done at this level before.",
    ]
