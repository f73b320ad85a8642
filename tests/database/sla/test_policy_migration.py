"""Conditions move from policies to their versions and back."""

from typing import Any
from uuid import UUID

from helpdesk.database.engine import Database
from tests.database.desk import open_a_desk
from tests.database.test_migrations import alembic

BEFORE = "202611221035"


async def asked(database: Database, statement: str) -> list[Any]:
    owner = await database.connect_raw(role="atum_owner")
    try:
        return [tuple(row) for row in await owner.fetch(statement)]
    finally:
        await owner.close()


async def test_conditions_survive_the_way_down_and_up(
    database: Database, organization_id: UUID, database_url: str
) -> None:
    await open_a_desk(database, organization_id)
    of_versions = """SELECT p.name, v.number, v.conditions::text FROM sla_policies p
                       JOIN sla_policy_versions v ON v.policy_id = p.id ORDER BY p.name, v.number"""
    # An older version with conditions of its own: on the way down the current one counts.
    await asked(
        database,
        """WITH made AS (
               INSERT INTO sla_policy_versions
                      (id, organization_id, policy_id, number, calendar_id, targets, conditions)
               SELECT gen_random_uuid(), organization_id, policy_id, 2, calendar_id, targets, '{"all": []}'
                 FROM sla_policy_versions
                WHERE policy_id = (SELECT id FROM sla_policies WHERE name = 'security') RETURNING policy_id)
           UPDATE sla_policies SET current_version = 2 WHERE id IN (SELECT policy_id FROM made)""",
    )
    at_first = await asked(database, of_versions)
    await database.close()

    down = alembic(database_url, "downgrade", BEFORE)
    assert down.returncode == 0, down.stderr
    on_policies = await asked(database, "SELECT name, conditions::text FROM sla_policies ORDER BY name")
    up = alembic(database_url, "upgrade", "head")
    assert up.returncode == 0, up.stderr

    security = '{"any": [{"op": "is", "field": "category", "value": "security"}]}'
    current = '{"all": []}'
    assert at_first == [("security", 1, security), ("security", 2, current), ("standard", 1, "{}")]
    assert on_policies == [("security", current), ("standard", "{}")]
    # What older versions said is lost on the way down.
    after = [("security", 1, current), ("security", 2, current), ("standard", 1, "{}")]
    assert await asked(database, of_versions) == after
