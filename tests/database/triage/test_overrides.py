"""What agents set by hand is kept as their word on what triage predicted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from helpdesk.database.base import new_id
from helpdesk.events.overrides import RETRAIN_AFTER
from helpdesk.models.values import AuthorKind
from helpdesk.tickets.assigning import hand_over
from helpdesk.tickets.fields import ValueRefused
from helpdesk.tickets.requests import SYSTEM, Actor
from helpdesk.tickets.rows import lock_changeable
from helpdesk.triage.learning.feedback import NothingPredicted, PredictionNotFound, ValueImpossible
from tests.database.desk import NOW
from tests.database.triage.desk import LearningDesk

LATER = NOW + timedelta(hours=1)


async def live_trainings(desk: LearningDesk) -> int:
    rows = await desk.rows("SELECT 1 FROM job_queue WHERE job_type = 'RETRAIN_TRIAGE' AND status = 'pending'")
    return len(rows)


async def test_another_value_by_hand_corrects_and_the_same_value_agrees(desk: LearningDesk) -> None:
    first, _ = await desk.predicted()
    second, _ = await desk.predicted()
    third, _ = await desk.predicted("priority", "urgent")
    await desk.set(first, category="hardware")
    await desk.set(second, category="network")
    await desk.set(third, priority="high", subject="VPN drops all the time")

    assert await desk.words() == [
        ("category", "network", "hardware", "correct", "edit"),
        ("category", "network", "network", "accept", "edit"),
        ("priority", "urgent", "high", "correct", "edit"),
    ]


async def test_of_several_changes_the_last_one_is_the_word(desk: LearningDesk) -> None:
    ticket_id, _ = await desk.predicted()
    await desk.set(ticket_id, category="hardware")
    await desk.set(ticket_id, category="security", now=LATER)
    assert await desk.words() == [("category", "network", "security", "correct", "edit")]
    await desk.set(ticket_id, category="network", now=LATER)
    assert await desk.words() == [("category", "network", "network", "accept", "edit")]


async def test_who_sets_it_back_to_what_it_was_takes_the_word_back(desk: LearningDesk) -> None:
    applied, _ = await desk.predicted(applied=True)
    await desk.set(applied, category="hardware")
    await desk.set(applied, category="security")
    await desk.set(applied, category="network")
    assert await desk.words() == []

    offered, prediction_id = await desk.predicted("priority", "urgent")
    await desk.judge(prediction_id, "accept")
    assert await desk.words() == [("priority", "urgent", "urgent", "accept", "verdict")]
    await desk.set(offered, priority="normal")
    assert await desk.words() == []


async def test_a_verdict_takes_the_place_of_an_edit_and_saying_it_twice_counts_once(desk: LearningDesk) -> None:
    ticket_id, prediction_id = await desk.predicted()
    await desk.set(ticket_id, category="hardware")
    await desk.judge(prediction_id, "reject")
    assert await desk.words() == [("category", "network", None, "reject", "verdict")]
    for _ in range(2):
        await desk.judge(prediction_id, "correct", "security")
    assert await desk.words() == [("category", "network", "security", "correct", "verdict")]
    await desk.judge(prediction_id, "correct", "network")
    assert await desk.words() == [("category", "network", "network", "accept", "verdict")]


async def test_clearing_a_field_rejects_what_was_predicted(desk: LearningDesk) -> None:
    ticket_id, _ = await desk.predicted(applied=True)
    await desk.set(ticket_id, category=None)
    assert await desk.words() == [("category", "network", None, "reject", "edit")]


async def test_handing_a_ticket_to_a_team_judges_the_team(desk: LearningDesk) -> None:
    [team] = await desk.rows("SELECT id FROM teams WHERE slug = 'network'")
    ticket_id, _ = await desk.predicted("team", "network")
    async with desk.database.transaction(desk.organization_id) as session:
        ticket = await lock_changeable(session, organization_id=desk.organization_id, ticket_id=ticket_id)
        await hand_over(session, ticket=ticket, to={"team": team.id}, actor=desk.agent, now=NOW)
    assert await desk.words() == [("team", "network", "network", "accept", "edit")]


async def test_tags_and_levels_of_custom_fields_are_judged_too(desk: LearningDesk) -> None:
    ticket_id = await desk.open(tags=["vip"])
    tags = await desk.predict(ticket_id, "tags", "vip, vpn")
    await desk.predict(ticket_id, "impact", "high")
    await desk.set(ticket_id, custom={"impact": "low", "floor": 3})
    await desk.judge(tags, "accept")
    assert await desk.words() == [
        ("impact", "high", "low", "correct", "edit"),
        ("tags", "vip, vpn", "vip, vpn", "accept", "verdict"),
    ]
    [ticket] = await desk.rows("SELECT tags FROM tickets WHERE id = :id", id=ticket_id)
    assert ticket.tags == ["vip", "vpn"]


async def test_what_is_no_field_of_the_ticket_can_be_judged_without_changing_it(desk: LearningDesk) -> None:
    ticket_id, prediction_id = await desk.predicted("sentiment", "negative")
    before = await desk.rows("SELECT version FROM tickets WHERE id = :id", id=ticket_id)
    await desk.judge(prediction_id, "correct", "neutral")
    assert await desk.words() == [("sentiment", "negative", "neutral", "correct", "verdict")]
    assert await desk.rows("SELECT version FROM tickets WHERE id = :id", id=ticket_id) == before


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("sentiment", "calm", ValueImpossible),
        ("language", "English", ValueImpossible),
        ("duplicate_of", "9999", ValueImpossible),
        ("duplicate_of", "itself", ValueImpossible),
        ("priority", "P1", ValueRefused),
        ("type", "bogus", ValueRefused),
    ],
)
async def test_a_value_that_a_field_cannot_have_is_no_word(
    desk: LearningDesk, field: str, value: str, problem: type[Exception]
) -> None:
    ticket_id, prediction_id = await desk.predicted(field, "normal")
    if value == "itself":
        [row] = await desk.rows("SELECT number FROM tickets WHERE id = :id", id=ticket_id)
        value = str(row.number)
    with pytest.raises(problem):
        await desk.judge(prediction_id, "correct", value)
    assert await desk.words() == []


async def test_what_a_policy_a_customer_or_triage_sets_is_nobodys_word(desk: LearningDesk) -> None:
    for actor in (SYSTEM, Actor(AuthorKind.CUSTOMER), Actor(AuthorKind.AI)):
        ticket_id, _ = await desk.predicted()
        await desk.set(ticket_id, actor=actor, category="hardware")
    ticket_id = await desk.open()
    await desk.set(ticket_id, category="hardware")
    assert await desk.words() == []


async def test_a_prediction_without_a_value_is_corrected_and_cannot_be_accepted(desk: LearningDesk) -> None:
    ticket_id, prediction_id = await desk.predicted(value=None)
    with pytest.raises(NothingPredicted):
        await desk.judge(prediction_id, "accept")
    await desk.set(ticket_id, category="hardware")
    assert await desk.words() == [("category", None, "hardware", "correct", "edit")]
    with pytest.raises(PredictionNotFound):
        await desk.judge(new_id(), "reject")


async def test_the_twenty_fifth_correction_asks_for_a_training_in_its_own_transaction(desk: LearningDesk) -> None:
    for number in range(RETRAIN_AFTER - 1):
        ticket_id, _ = await desk.predicted()
        await desk.set(ticket_id, category="hardware", now=NOW + timedelta(seconds=number))
    agreeing, _ = await desk.predicted()
    await desk.set(agreeing, category="network")
    assert await live_trainings(desk) == 0
    ticket_id, _ = await desk.predicted()

    class Failed(Exception):
        """The transaction fails after the correction."""

    with pytest.raises(Failed):
        async with desk.database.transaction(desk.organization_id) as session:
            await _correct(session, desk, ticket_id)
            raise Failed
    assert await live_trainings(desk) == 0

    await desk.set(ticket_id, category="hardware")
    assert await live_trainings(desk) == 1
    ticket_id, _ = await desk.predicted()
    await desk.set(ticket_id, category="security")
    assert await live_trainings(desk) == 1


async def _correct(session, desk: LearningDesk, ticket_id: UUID) -> None:
    from helpdesk.tickets.fields import set_fields

    await set_fields(
        session,
        organization_id=desk.organization_id,
        ticket_id=ticket_id,
        changes={"category": "hardware"},
        actor=desk.agent,
        now=NOW,
    )


async def test_corrections_that_were_learnt_already_ask_for_nothing(desk: LearningDesk) -> None:
    for _ in range(RETRAIN_AFTER - 1):
        ticket_id, _ = await desk.predicted()
        await desk.set(ticket_id, category="hardware")
    await desk.rows(
        "INSERT INTO ml_models (id, organization_id, kind, version, weights, trained_on, state, created_at)"
        " VALUES (:id, :organization_id, 'triage', 1, 'x', 24, 'champion', :now) RETURNING 1",
        id=new_id(),
        organization_id=desk.organization_id,
        now=NOW,
    )
    ticket_id, _ = await desk.predicted()
    await desk.set(ticket_id, category="hardware", now=LATER)
    assert await live_trainings(desk) == 0


async def test_two_agents_at_once_leave_one_word(desk: LearningDesk) -> None:
    ticket_id, prediction_id = await desk.predicted()
    await asyncio.gather(
        desk.judge(prediction_id, "reject"),
        desk.set(ticket_id, category="hardware"),
        desk.set(ticket_id, category="security"),
        desk.judge(prediction_id, "reject"),
    )
    assert len(await desk.words()) == 1
