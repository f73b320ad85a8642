"""Triage may no longer set what it sets wrong too often, and may again once it does better."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.accounts.commands import create_organization
from helpdesk.database.base import new_id
from helpdesk.triage.learning.gate_queries import list_gate_changes
from helpdesk.triage.learning.gates import Gate, GateNotFound, gates_of, reopen_gate, review_gates
from tests.database.desk import NOW
from tests.database.triage.desk import LearningDesk

LATER = NOW + timedelta(hours=2)


async def gates(desk: LearningDesk, now: datetime = LATER) -> dict[tuple[str, str | None], Gate]:
    async with desk.database.transaction(desk.organization_id) as session:
        return await gates_of(session, organization_id=desk.organization_id, now=now)


async def changes(desk: LearningDesk) -> list[tuple[str, str, str]]:
    async with desk.database.transaction(desk.organization_id) as session:
        rows = await list_gate_changes(session, organization_id=desk.organization_id)
    return [(row.field, row.value, row.state) for row in reversed(rows)]


async def champion(desk: LearningDesk, version: int, since: datetime) -> None:
    await desk.rows("UPDATE ml_models SET state = 'retired' WHERE kind = 'triage' RETURNING 1")
    await desk.rows(
        "INSERT INTO ml_models"
        " (id, organization_id, kind, version, weights, trained_on, state, created_at, state_since)"
        " VALUES (:id, :organization_id, 'triage', :version, 'x', 9, 'champion', :now, :now) RETURNING 1",
        id=new_id(),
        organization_id=desk.organization_id,
        version=version,
        now=since,
    )


async def test_every_gate_is_open_before_anybody_judged_anything(desk: LearningDesk) -> None:
    found = await gates(desk)
    assert {field for field, value in found if value is None} == {"category", "priority", "team", "type"}
    assert not any(gate.fallen_back for gate in found.values())
    assert found["category", None].running_accuracy is None
    assert await changes(desk) == []


async def test_a_value_that_is_wrong_too_often_falls_back_and_the_field_without_it_stays_open(
    desk: LearningDesk,
) -> None:
    await desk.judged(5, 6, value="network", applied=True)
    await desk.judged(12, 0, value="security", applied=True)

    found = await gates(desk)

    assert found["category", "network"].fallen_back
    assert found["category", "network"].reason == "It fell back: 45% of 11 were right, 95% had to be."
    assert not found["category", "security"].fallen_back
    assert not found["category", None].fallen_back
    assert (found["category", None].judged, found["category", None].running_accuracy) == (12, 1)
    assert await changes(desk) == [("category", "network", "fallen_back")]


async def test_a_field_whose_mistakes_are_spread_over_values_falls_back_as_a_whole(desk: LearningDesk) -> None:
    await desk.judged(3, 3, value="network", applied=True)
    await desk.judged(4, 3, value="security", applied=True)
    found = await gates(desk)
    assert found["category", None].fallen_back
    assert ("category", "network") not in found


async def test_looking_again_tells_of_a_fall_once(desk: LearningDesk) -> None:
    await desk.judged(4, 6, applied=True)
    await asyncio.gather(*(gates(desk) for _ in range(3)))
    await gates(desk, LATER + timedelta(days=1))
    assert await changes(desk) == [("category", "network", "fallen_back")]


async def test_offers_are_measured_by_what_they_promised(desk: LearningDesk) -> None:
    await desk.judged(7, 5, probability=0.6)
    found = await gates(desk)
    assert not found["category", "network"].fallen_back
    await desk.rows("UPDATE triage_predictions SET probability = 0.99 RETURNING 1")
    assert (await gates(desk, LATER + timedelta(hours=2)))["category", "network"].fallen_back


async def test_a_policy_that_wants_less_lets_more_pass(desk: LearningDesk) -> None:
    await desk.rows(
        "UPDATE organizations SET ai_policy = "
        """'{"triage": {"fields": {"category": {"wanted_accuracy": 0.6}}}}' RETURNING 1"""
    )
    await desk.judged(7, 5, applied=True)
    assert not (await gates(desk))["category", "network"].fallen_back


async def test_what_an_agent_answered_settled_and_left_alone_counts_by_half(desk: LearningDesk) -> None:
    for number in range(4):
        ticket_id, _ = await desk.predicted(applied=True)
        await desk.settle(ticket_id, answered=number > 0)
    touched, _ = await desk.predicted(applied=True)
    await desk.set(touched, category="hardware")
    await desk.settle(touched)
    found = (await gates(desk))["category", None]
    # Three half judgements, and one whole one that was wrong.
    assert (found.judged, found.running_accuracy) == (2, pytest.approx(1.5 / 2.5))


async def test_each_tag_is_judged_by_itself_and_those_it_had_already_are_not(desk: LearningDesk) -> None:
    for number in range(10):
        ticket_id = await desk.open(tags=["vip"])
        prediction_id = await desk.predict(ticket_id, "tags", "printer, vip, vpn", at=NOW + timedelta(minutes=number))
        await desk.judge(prediction_id, "correct", "vip, vpn")
    found = await gates(desk)
    assert (found["tags", "vpn"].running_accuracy, found["tags", "printer"].running_accuracy) == (1, 0)
    assert (found["tags", "printer"].fallen_back, found["tags", "vpn"].fallen_back) == (True, False)
    assert ("tags", "vip") not in found


async def test_a_fallen_gate_opens_again_when_people_agree_often_enough(desk: LearningDesk) -> None:
    await desk.judged(4, 6, applied=True)
    await gates(desk)
    await desk.judged(19, 0, since=LATER + timedelta(minutes=1))
    assert (await gates(desk, LATER + timedelta(hours=1)))["category", "network"].fallen_back
    await desk.judged(1, 0, since=LATER + timedelta(minutes=40))
    found = (await gates(desk, LATER + timedelta(hours=2)))["category", "network"]
    assert (found.fallen_back, found.judged) == (False, 20)
    # What was wrong before it fell is not held against it a second time.
    assert not (await gates(desk, LATER + timedelta(hours=4)))["category", "network"].fallen_back
    assert [state for _, _, state in await changes(desk)] == ["fallen_back", "open"]


async def test_another_classifier_gets_one_chance_and_after_a_second_fall_people_decide(desk: LearningDesk) -> None:
    await champion(desk, 1, NOW - timedelta(days=1))
    await desk.judged(4, 6, applied=True)
    assert (await gates(desk))["category", "network"].fallen_back
    await champion(desk, 2, LATER + timedelta(hours=1))
    found = (await gates(desk, LATER + timedelta(hours=2)))["category", "network"]
    assert (found.fallen_back, found.reason) == (False, "Another classifier is in use since it fell back.")

    again = LATER + timedelta(hours=3)
    await desk.judged(4, 6, since=again, applied=True)
    assert (await gates(desk, again + timedelta(hours=1)))["category", "network"].fallen_back
    await champion(desk, 3, again + timedelta(hours=2))
    assert (await gates(desk, again + timedelta(hours=3)))["category", "network"].fallen_back


async def test_an_administrator_opens_a_gate_and_what_was_before_counts_no_more(desk: LearningDesk) -> None:
    await desk.judged(4, 6, applied=True)
    await gates(desk)
    assert desk.agent.id is not None
    async with desk.database.transaction(desk.organization_id) as session:
        about = {"organization_id": desk.organization_id, "user_id": desk.agent.id, "now": LATER}
        opened = await reopen_gate(session, field="category", value="network", **about)
        again = await reopen_gate(session, field="category", value="network", **about)
        with pytest.raises(GateNotFound):
            await reopen_gate(session, field="category", value="parking", **about)
    assert not opened.fallen_back
    assert not again.fallen_back
    assert not (await gates(desk, LATER + timedelta(hours=3)))["category", "network"].fallen_back
    [last] = await desk.rows("SELECT user_id FROM triage_gate_changes WHERE state = 'open'")
    assert last.user_id == desk.agent.id


async def test_what_an_administrator_opens_during_a_review_stays_open(desk: LearningDesk) -> None:
    await desk.judged(4, 6, applied=True)
    await gates(desk)
    about = {"organization_id": desk.organization_id, "now": LATER}

    async def reopen() -> None:
        async with desk.database.transaction(desk.organization_id) as session:
            await reopen_gate(session, field="category", value="network", user_id=desk.agent.id, **about)

    async with desk.database.transaction(desk.organization_id) as session:
        await review_gates(session, **about)
        reopening = asyncio.create_task(reopen())
        await asyncio.sleep(0.2)
        assert not reopening.done()
    await reopening
    assert not (await gates(desk, LATER))["category", "network"].fallen_back


async def test_what_is_older_than_a_month_is_forgotten(desk: LearningDesk) -> None:
    await desk.judged(4, 6, applied=True)
    found = await gates(desk, NOW + timedelta(days=40))
    assert not found["category", None].fallen_back
    assert found["category", None].judged == 0


async def test_nobody_elses_gates_are_seen_or_moved(desk: LearningDesk) -> None:
    await desk.judged(4, 6, applied=True)
    await gates(desk)
    other: UUID = new_id()
    async with desk.database.transaction(other) as session:
        await create_organization(session, slug="other", name="Other", organization_id=other)
    async with desk.database.transaction(other) as session:
        found = await review_gates(session, organization_id=other, now=LATER)
        assert all(gate.tally.judged == 0 for gate in found.values())
        assert (await session.execute(text("SELECT count(*) FROM triage_gate_changes"))).scalar_one() == 0
        with pytest.raises(GateNotFound):
            await reopen_gate(
                session, organization_id=other, field="category", value="network", user_id=None, now=LATER
            )
