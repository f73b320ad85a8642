import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.notifications.webhooks.commands import create_webhook
from helpdesk.settings import Settings
from helpdesk.sla.rules.policy import InvalidPolicy
from helpdesk.tickets.commands import change_status, reply
from helpdesk.tickets.fields import apply_triage
from helpdesk.tickets.requests import TicketNotFound
from tests.database.desk import NOW
from tests.database.tickets.escalating import LATER, MINUTE, Scene, scene_of


@pytest.fixture
async def scene(database: Database, organization_id: UUID, settings: Settings) -> Scene:
    return await scene_of(database, organization_id, settings)


async def test_the_priority_is_raised_and_the_history_tells_by_which_clock(scene: Scene) -> None:
    assert await scene.apply({"do": "raise_priority", "to": "high"}) is None

    ticket = await scene.ticket()
    assert (ticket.priority, ticket.decided_by) == ("high", {"priority": "system"})
    (event,) = await scene.events("ticket.priority_changed")
    assert (event.actor_kind, event.actor_id) == (AuthorKind.SYSTEM, None)
    assert event.data == {
        "from": "normal",
        "to": "high",
        "cause": {
            "action": {"do": "raise_priority", "to": "high"},
            "clock_id": str(scene.clock_id),
            "metric": "first_response",
            "level": 75,
            "target_version": 1,
            "policy": "standard",
        },
    }
    clock = await scene.clock()
    assert (clock.target_s, clock.target_version, clock.level) == (120 * 60, 2, 100)


async def test_triage_leaves_what_a_policy_has_raised(scene: Scene) -> None:
    await scene.apply({"do": "raise_priority"})
    async with scene.database.transaction(scene.organization_id) as session:
        applied = await apply_triage(
            session,
            organization_id=scene.organization_id,
            ticket_id=scene.ticket_id,
            values={"priority": "low", "category": "network"},
            now=LATER,
        )
    assert applied == ["category"]
    assert (await scene.ticket()).priority == "high"


@pytest.mark.parametrize("to", ["low", "normal", "high"])
async def test_a_priority_is_never_lowered(scene: Scene, to: str) -> None:
    await scene.set(priority=TicketPriority.HIGH)
    reason = await scene.apply({"do": "raise_priority", "to": to})
    assert reason == "The priority is high already."
    (skipped,) = await scene.events("sla.action_skipped")
    assert skipped.data["reason"] == reason
    assert skipped.data["cause"]["action"] == {"do": "raise_priority", "to": to}
    assert (skipped.data["cause"]["level"], skipped.data["cause"]["policy"]) == (75, "standard")


async def test_one_step_at_a_level_is_one_step_although_it_brings_the_clock_there_again(scene: Scene) -> None:
    assert await scene.apply({"do": "raise_priority"}) is None
    assert "before" in str(await scene.apply({"do": "raise_priority"}))
    # Another level asks for another step, and there is none above urgent.
    assert await scene.apply({"do": "raise_priority"}, level=100) is None
    assert (await scene.ticket()).priority == "urgent"
    assert await scene.apply({"do": "raise_priority"}, level=100) == "The priority is urgent already."


async def test_the_very_same_order_is_carried_out_once_though_two_come_at_once(scene: Scene) -> None:
    order = await scene.order({"do": "raise_priority", "metrics": None})
    done = await asyncio.gather(*(scene.carry_out(order) for _ in range(4)))
    assert sorted(map(str, done)) == 3 * ["It was done at this level before."] + ["None"]
    assert (await scene.ticket()).priority == "high"


async def test_a_step_is_taken_again_once_a_person_has_set_the_priority(scene: Scene) -> None:
    await scene.apply({"do": "raise_priority"})
    await scene.set(priority=TicketPriority.NORMAL)
    assert await scene.apply({"do": "raise_priority"}) is None
    assert (await scene.ticket()).priority == "high"


async def test_a_tag_is_added_once(scene: Scene) -> None:
    await scene.set(tags=["remote"])
    assert await scene.apply({"do": "tag", "tag": "late"}) is None
    assert await scene.apply({"do": "tag", "tag": "late"}) == "The ticket has the tag 'late' already."
    assert (await scene.ticket()).tags == ["late", "remote"]
    assert (await scene.events("ticket.tags_changed"))[-1].data["cause"]["metric"] == "first_response"


async def test_a_ticket_with_as_many_tags_as_fit_gets_no_more(scene: Scene) -> None:
    await scene.set(tags=[f"t{n}" for n in range(50)])
    assert await scene.apply({"do": "tag", "tag": "late"}) == "The ticket has 50 tags, which is as many as fit."


async def test_what_is_solved_or_answered_meanwhile_is_left_alone(scene: Scene, settings: Settings) -> None:
    order = await scene.order({"do": "tag", "tag": "late"})
    about: dict[str, Any] = {"organization_id": scene.organization_id, "ticket_id": scene.ticket_id}
    async with scene.database.transaction(scene.organization_id) as session:
        await reply(session, body="On it.", actor=scene.agent, now=LATER, settings=settings, **about)
    assert await scene.carry_out(order) == "The clock has ended: met."
    async with scene.database.transaction(scene.organization_id) as session:
        await change_status(session, to=TicketStatus.SOLVED, actor=scene.agent, now=LATER, **about)
    assert await scene.carry_out(order) == "The ticket is solved."
    assert (await scene.ticket()).tags == []
    assert len(await scene.events("sla.action_skipped")) == 2


async def test_a_paused_ticket_is_still_escalated_for_the_level_it_had_reached(scene: Scene) -> None:
    async with scene.database.transaction(scene.organization_id) as session:
        await change_status(
            session,
            organization_id=scene.organization_id,
            ticket_id=scene.ticket_id,
            to=TicketStatus.PENDING,
            actor=scene.agent,
            now=LATER,
        )
    assert await scene.apply({"do": "tag", "tag": "late"}) is None


async def test_a_level_that_a_new_target_has_taken_back_asks_for_nothing(scene: Scene) -> None:
    order = await scene.order({"do": "tag", "tag": "late"})
    await scene.set(priority=TicketPriority.LOW)
    assert (await scene.clock()).level == 0
    assert await scene.carry_out(order) == "The clock has another target by now and has not reached the level."


async def test_a_webhook_is_told_once_as_any_address_that_asked(scene: Scene) -> None:
    async with scene.database.transaction(scene.organization_id) as session:
        webhook = await create_webhook(
            session, organization_id=scene.organization_id, url="https://x.example/hook", events=["sla.breach"], now=NOW
        )
    action = {"do": "webhook", "endpoint_id": str(webhook.id)}
    assert await scene.apply(action) is None
    assert await scene.apply(action) == "The webhook is told of this already."
    async with scene.database.transaction(scene.organization_id) as session:
        (row,) = (
            await session.execute(text("SELECT id, event, body::jsonb, dedupe_key FROM webhook_deliveries"))
        ).all()
        await session.execute(text("UPDATE webhook_endpoints SET state = 'paused'"))
    assert (row.event, row.dedupe_key) == ("sla.warning", f"{scene.clock_id}:1:75")
    assert row.body["data"]["title"] == "#1: first response at 75 % of its time"
    assert (row.body["data"]["metric"], row.body["data"]["level"]) == ("first_response", 75)
    assert row.body["data"]["ticket"]["number"] == 1
    (queued,) = await scene.events("sla.webhook_queued")
    assert queued.data["delivery_id"] == str(row.id)
    assert await scene.apply(action, level=74) == "The webhook is paused."
    assert await scene.apply({"do": "webhook", "endpoint_id": str(new_id())}) == "The webhook is gone."


async def test_a_breach_is_told_to_a_webhook_although_the_ticket_was_answered_since(
    scene: Scene, settings: Settings
) -> None:
    async with scene.database.transaction(scene.organization_id) as session:
        webhook = await create_webhook(
            session, organization_id=scene.organization_id, url="https://x.example/hook", events=["*"], now=NOW
        )
        await reply(
            session,
            organization_id=scene.organization_id,
            ticket_id=scene.ticket_id,
            body="Late.",
            actor=scene.agent,
            now=NOW + 250 * MINUTE,
            settings=settings,
        )
    action = {"do": "webhook", "endpoint_id": str(webhook.id)}
    assert await scene.apply(action, level=90) == "The clock has ended: breached."
    assert await scene.apply(action, level=100) is None


async def test_an_order_that_cannot_be_read_or_has_no_ticket_is_refused(scene: Scene) -> None:
    with pytest.raises(InvalidPolicy, match="action"):
        await scene.apply({"do": "explode"})
    order = await scene.order({"do": "tag", "tag": "late"})
    with pytest.raises(TicketNotFound):
        await scene.carry_out(order.model_copy(update={"ticket_id": new_id()}))
