"""Policies are changed by new versions, ordered, archived, and in force for a time."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from helpdesk.accounts.commands import create_organization, create_user
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import UserRole
from helpdesk.settings import Settings
from helpdesk.sla.clocks.choosing import choose_policy, current_policy, policies_in_order
from helpdesk.sla.policies import commands
from helpdesk.sla.policies.commands import InvalidOrder, NewPolicy, PolicyArchived, PolicyChanges
from helpdesk.sla.policies.definition import PolicyReferenceUnknown
from helpdesk.sla.policies.queries import PolicyNotFound, PolicyView, get_policy, list_policies, list_versions
from helpdesk.sla.policies.rows import DefaultPolicyExists, PolicyNameTaken
from helpdesk.sla.rules.conditions import InvalidCondition
from helpdesk.sla.rules.policy import InvalidPolicy
from helpdesk.tickets.commands import open_ticket
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, TARGETS, open_a_desk, vpn_ticket

DAY = timedelta(days=1)


@pytest.fixture
async def agent(database: Database, organization_id: UUID) -> Actor:
    return await open_a_desk(database, organization_id)


async def policies(database: Database, organization_id: UUID, **wanted: Any) -> dict[str, PolicyView]:
    async with database.transaction(organization_id) as session:
        found = await list_policies(session, organization_id=organization_id, limit=100, **wanted)
    return {policy.name: policy for policy in found}


async def made(
    database: Database, organization_id: UUID, name: str = "gold", *, is_default: bool = False, **values: Any
) -> UUID:
    new = NewPolicy(name, {"calendar": "office", "targets": TARGETS} | values, is_default)
    async with database.transaction(organization_id) as session:
        return await commands.introduce_policy(session, organization_id=organization_id, new=new, by=None, now=NOW)


async def change(
    database: Database, organization_id: UUID, policy_id: UUID, *, by: UUID | None = None, **what: Any
) -> int:
    async with database.transaction(organization_id) as session:
        policy = await commands.lock_policy(session, organization_id=organization_id, policy_id=policy_id)
        await commands.change_policy(session, policy=policy, changes=PolicyChanges(**what), by=by, now=NOW)
        return policy.current_version


async def walks(database: Database, organization_id: UUID) -> list[tuple[str, Any]]:
    statement = text(
        "SELECT unique_key, run_after FROM job_queue WHERE job_type = 'RETARGET_CLOCKS' ORDER BY run_after"
    )
    async with database.transaction(organization_id) as session:
        return [tuple(row) for row in await session.execute(statement)]


async def test_each_change_of_what_is_promised_makes_a_version_and_nothing_else_does(
    database: Database, organization_id: UUID, agent: Actor
) -> None:
    gold = await made(database, organization_id, conditions={"all": [{"field": "vip", "op": "is", "value": True}]})
    targets = {"normal": {"first_response": 60}}
    assert await change(database, organization_id, gold, definition={"targets": targets}, by=agent.id, note="Why") == 2
    assert (
        await change(
            database,
            organization_id,
            gold,
            definition={"targets": {"normal": {"first_response": 60, "resolution": None}}},
        )
        == 2
    )
    assert await change(database, organization_id, gold, definition={"thresholds": [100, 75, 90, 75]}) == 2
    assert await change(database, organization_id, gold, name="platinum") == 2
    assert await change(database, organization_id, gold, definition={"calendar": "always"}) == 3
    assert await change(database, organization_id, gold, definition={"conditions": {}}) == 4
    assert await change(database, organization_id, gold, definition={"actions": {"75": []}}) == 5
    assert await change(database, organization_id, gold, definition={"pause_on": {"resolution": []}}) == 6
    assert await change(database, organization_id, gold, definition={"valid_until": NOW + DAY}) == 7
    async with database.transaction(organization_id) as session:
        versions = await list_versions(session, organization_id=organization_id, policy_id=gold, limit=50)
        policy = await get_policy(session, organization_id=organization_id, policy_id=gold)
    assert [version.number for version in versions] == [7, 6, 5, 4, 3, 2, 1]
    second, first = versions[5], versions[6]
    assert (first.targets, second.targets, second.made_by, second.note) == (TARGETS, targets, "Ada Agent", "Why")
    assert (policy.name, policy.version.calendar.name, policy.version.actions) == ("platinum", "always", {"75": []})


async def test_a_version_cannot_be_rewritten(database: Database, organization_id: UUID, agent: Actor) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with database.transaction(organization_id) as session:
            await session.execute(text("UPDATE sla_policy_versions SET targets = '{}'"))


@pytest.mark.parametrize(
    ("values", "error", "sentence"),
    [
        ({"calendar": "holiday"}, PolicyReferenceUnknown, "policy.calendar: there is no calendar 'holiday'"),
        ({"calendar": str(uuid4())}, PolicyReferenceUnknown, "policy.calendar: there is no calendar"),
        ({"calendar": None}, InvalidPolicy, "policy.calendar: name a calendar, or give its id"),
        ({"targets": {"normal": {"first_response": 0}}}, InvalidPolicy, "policy.targets.normal.first_response"),
        ({"targets": {"normal": {"naps": 5}}}, InvalidPolicy, "policy.targets.normal.naps"),
        ({"pause_on": {"resolution": ["asleep"]}}, InvalidPolicy, "policy.pause_on.resolution"),
        ({"conditions": {"all": [{"field": "vip", "op": "is", "value": 1}]}}, InvalidCondition, "vip is compared with"),
        (
            {"actions": {"80": []}},
            InvalidPolicy,
            "policy.actions.80: there is no such threshold; the policy has 75, 90",
        ),
        ({"actions": {"75": [{"do": "dance"}]}}, InvalidPolicy, "policy.actions"),
        (
            {"actions": {"75": [{"do": "reassign", "team": "night"}]}},
            PolicyReferenceUnknown,
            "there is no team 'night'",
        ),
        ({"actions": {"75": [{"do": "reassign", "user_id": str(UUID(int=7))}]}}, PolicyReferenceUnknown, "active user"),
        ({"actions": {"75": [{"do": "webhook", "endpoint_id": str(UUID(int=7))}]}}, PolicyReferenceUnknown, "webhook"),
        (
            {"valid_from": NOW, "valid_until": NOW},
            InvalidPolicy,
            "policy.valid_until: it must be later than valid_from",
        ),
        ({"valid_from": "2026-12-01T00:00:00"}, InvalidPolicy, "policy.valid_from: it must be a time with its offset"),
    ],
)
async def test_what_cannot_be_promised_is_refused_in_a_sentence(
    database: Database,
    organization_id: UUID,
    agent: Actor,
    values: dict[str, Any],
    error: type[Exception],
    sentence: str,
) -> None:
    with pytest.raises(error) as refusal:
        await made(database, organization_id, **values)
    assert sentence in str(refusal.value)
    assert set(await policies(database, organization_id)) == {"security", "standard"}


async def test_actions_may_name_only_what_the_organisation_has(
    database: Database, organization_id: UUID, agent: Actor
) -> None:
    await made(database, organization_id, actions={"90": [{"do": "reassign", "user_id": str(agent.id)}]})
    other = new_id()
    async with database.transaction(other) as session:
        await create_organization(session, slug="other", name="Other", organization_id=other)
        stranger = await create_user(
            session, organization_id=other, email="else@desk.example", name="Else", role=UserRole.AGENT
        )
    with pytest.raises(PolicyReferenceUnknown):
        await made(database, organization_id, "more", actions={"90": [{"do": "reassign", "user_id": str(stranger.id)}]})
    assert await policies(database, other) == {}
    with pytest.raises(PolicyNotFound):
        await change(database, other, (await policies(database, organization_id))["gold"].id, name="mine")


async def test_there_is_one_default_and_it_has_no_conditions(
    database: Database, organization_id: UUID, agent: Actor
) -> None:
    standard = (await policies(database, organization_id))["standard"].id
    with pytest.raises(DefaultPolicyExists, match="'standard' is the default"):
        await made(database, organization_id, is_default=True)
    conditions = {"any": [{"field": "vip", "op": "is", "value": True}]}
    with pytest.raises(InvalidPolicy, match="has no conditions"):
        await change(database, organization_id, standard, definition={"conditions": conditions})
    await change(database, organization_id, standard, is_default=False, definition={"conditions": conditions})
    await made(database, organization_id, is_default=True)
    assert (await policies(database, organization_id))["gold"].is_default
    with pytest.raises(PolicyNameTaken, match="already a policy 'gold'"):
        await made(database, organization_id)


async def test_an_archived_policy_is_passed_over_until_it_is_restored(
    database: Database, organization_id: UUID, agent: Actor
) -> None:
    standard = (await policies(database, organization_id))["standard"].id
    async with database.transaction(organization_id) as session:
        policy = await commands.lock_policy(session, organization_id=organization_id, policy_id=standard)
        await commands.archive_policy(session, policy=policy)
    assert set(await policies(database, organization_id)) == {"security"}
    assert set(await policies(database, organization_id, active=False)) == {"standard"}
    with pytest.raises(PolicyArchived):
        await change(database, organization_id, standard, name="new")
    await made(database, organization_id, is_default=True)
    async with database.transaction(organization_id) as session:
        policy = await commands.lock_policy(session, organization_id=organization_id, policy_id=standard)
        with pytest.raises(DefaultPolicyExists):
            await commands.restore_policy(session, policy=policy, now=NOW)


async def test_the_order_names_each_active_policy_once(database: Database, organization_id: UUID, agent: Actor) -> None:
    gold = await made(database, organization_id)
    before = await policies(database, organization_id)
    ids = {name: policy.id for name, policy in before.items()}
    assert list(before) == ["security", "standard", "gold"]
    for order, sentence in (
        ([gold], "leaves out 'security', 'standard'"),
        ([*ids.values(), gold], "named twice"),
        ([*ids.values(), new_id()], "There is no active policy"),
    ):
        with pytest.raises(InvalidOrder, match=sentence):
            async with database.transaction(organization_id) as session:
                await commands.reorder_policies(session, organization_id=organization_id, policy_ids=order)
    async with database.transaction(organization_id) as session:
        order = [gold, ids["standard"], ids["security"]]
        await commands.reorder_policies(session, organization_id=organization_id, policy_ids=order)
    after = await policies(database, organization_id)
    assert list(after) == ["gold", "standard", "security"]
    assert [policy.version.number for policy in after.values()] == [1, 1, 1]


async def test_of_two_who_add_the_same_policy_at_once_one_succeeds(
    database: Database, organization_id: UUID, agent: Actor
) -> None:
    results = await asyncio.gather(*(made(database, organization_id) for _ in range(4)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == 3 * ["PolicyNameTaken"] + ["UUID"]


async def test_a_policy_is_passed_over_outside_its_validity(
    database: Database, organization_id: UUID, agent: Actor, settings: Settings
) -> None:
    since, until = NOW + DAY, NOW + 3 * DAY
    gold = await made(database, organization_id, valid_from=since, valid_until=until)
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )
        version = await session.scalar(text("SELECT id FROM sla_policy_versions WHERE policy_id = :id"), {"id": gold})

        async def is_gold(now: Any) -> bool:
            key = await choose_policy(session, organization_id=organization_id, ticket=ticket, now=now)
            return key is not None and key.startswith(str(version))

        assert not await is_gold(since - timedelta(microseconds=1))
        assert await is_gold(since)
        assert await is_gold(until - timedelta(microseconds=1))
        assert not await is_gold(until)
        assert len(await policies_in_order(session, organization_id=organization_id, now=NOW)) == 2
    assert [(key, at) for key, at in await walks(database, organization_id) if key != "now"] == [
        (f"at {since.isoformat()}", since),
        (f"at {until.isoformat()}", until),
    ]


async def test_a_ticket_falls_under_a_policy_by_any_of_its_fields(
    database: Database, organization_id: UUID, agent: Actor, settings: Settings
) -> None:
    fields = {"tags": ("contains", "vpn"), "type": ("is", "incident"), "team": ("is_not", "network")}
    conditions = {"all": [{"field": name, "op": op, "value": value} for name, (op, value) in fields.items()]}
    gold = await made(
        database,
        organization_id,
        conditions=conditions | {"any": [{"field": "custom.site", "op": "is", "value": "Vienna"}]},
    )
    ids = [gold, *(policy.id for policy in (await policies(database, organization_id)).values() if policy.id != gold)]
    async with database.transaction(organization_id) as session:
        await commands.reorder_policies(session, organization_id=organization_id, policy_ids=ids)

    async def policy_of(**changes: Any) -> str:
        async with database.transaction(organization_id) as session:
            ticket: Ticket = await open_ticket(
                session,
                organization_id=organization_id,
                new=vpn_ticket(**changes),
                actor=agent,
                now=NOW,
                settings=settings,
            )
            key = await current_policy(session, organization_id=organization_id, ticket_id=ticket.id)
            names = text(
                "SELECT p.name FROM sla_policies p JOIN sla_policy_versions v ON v.policy_id = p.id WHERE v.id = :id"
            )
            return str(await session.scalar(names, {"id": str(key).split(":")[0]}))

    assert await policy_of(tags=("vpn",), custom={"site": "Vienna"}) == "gold"
    assert await policy_of(tags=("vpn",), custom={"site": "Graz"}) == "standard"
    assert await policy_of(custom={"site": "Vienna"}) == "standard"
