from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from helpdesk.sla.policies.commands import create_policy
from helpdesk.tickets.custom_fields import InvalidCustomField
from tests.database.desk import TARGETS
from tests.database.tickets.escalating import Scene, scene_of


@pytest.fixture
async def scene(database: Database, organization_id: UUID, settings: Settings) -> Scene:
    return await scene_of(database, organization_id, settings, custom={"floor": 3, "site": "Graz"})


async def policy_for(scene: Scene, field: str, value: str) -> None:
    async with scene.database.transaction(scene.organization_id) as session:
        await create_policy(
            session,
            organization_id=scene.organization_id,
            name=f"for {value}",
            position=0,
            calendar="always",
            targets=TARGETS,
            conditions={"all": [{"field": field, "op": "is", "value": value}]},
        )


async def test_a_change_is_merged_and_the_history_tells_what_changed(scene: Scene) -> None:
    await scene.set(custom={"floor": 4, "site": "Graz", "room": "4.01"})
    await scene.set(custom={"site": None})
    assert (await scene.ticket()).custom == {"floor": 4, "room": "4.01"}
    first, second = await scene.events("ticket.custom_changed")
    assert first.data == {"from": {"floor": 3, "room": None}, "to": {"floor": 4, "room": "4.01"}}
    assert second.data == {"from": {"site": "Graz"}, "to": {"site": None}}
    assert (await scene.ticket()).decided_by == {}


async def test_what_changes_nothing_leaves_no_trace(scene: Scene) -> None:
    before = await scene.ticket()
    await scene.set(custom={"floor": 3, "absent": None})
    after = await scene.ticket()
    assert (after.version, await scene.events("ticket.custom_changed")) == (before.version, [])


async def test_a_field_that_a_policy_asks_for_moves_the_ticket_there_and_back(scene: Scene) -> None:
    await policy_for(scene, "custom.contract", "gold")
    await scene.set(custom={"contract": "gold"})
    await scene.set(custom={"contract": None})
    moves = await scene.events("sla.policy_changed")
    assert [move.data["to"] == moves[0].data["from"] for move in moves] == [False, True]


async def test_a_team_by_assignment_asks_for_its_policy_too(scene: Scene) -> None:
    await policy_for(scene, "team", "network")
    await scene.assign(team="network")
    assert len(await scene.events("sla.policy_changed")) == 1
    async with scene.database.transaction(scene.organization_id) as session:
        names = await session.scalars(
            text("""
                SELECT p.name FROM sla_clocks c JOIN sla_policy_versions v ON v.id = c.policy_version_id
                  JOIN sla_policies p ON p.id = v.policy_id WHERE c.ticket_id = :id
            """),
            {"id": scene.ticket_id},
        )
        assert set(names) == {"for network"}


async def test_a_field_that_cannot_be_is_refused_and_nothing_changes(scene: Scene) -> None:
    with pytest.raises(InvalidCustomField):
        await scene.set(custom={"floor": 5, "Site": "x"})
    assert (await scene.ticket()).custom == {"floor": 3, "site": "Graz"}
