from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from api.asking_slots import AskedTooOften, AskingSlots, TooManyQuestions

ONE, TWO = UUID(int=1), UUID(int=2)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_an_organisation_takes_half_of_the_slots_and_another_one_finds_the_rest() -> None:
    slots = AskingSlots(slots=2, per_minute=100)
    async with slots.taken(ONE):
        with pytest.raises(TooManyQuestions) as refused:
            slots.admit(ONE)
        assert refused.value.context["retry_after"] > 0
        slots.admit(TWO)
        async with slots.taken(TWO):
            with pytest.raises(TooManyQuestions):
                slots.admit(UUID(int=3))
    slots.admit(ONE)


async def test_a_slot_is_free_again_after_a_failure_and_after_a_cancellation() -> None:
    slots = AskingSlots(slots=1, per_minute=100)
    with pytest.raises(RuntimeError):
        async with slots.taken(ONE):
            raise RuntimeError

    async def hold() -> None:
        async with slots.taken(ONE):
            await asyncio.Event().wait()

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0)
    with pytest.raises(TooManyQuestions):
        slots.admit(ONE)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    slots.admit(ONE)


def test_an_organisation_may_ask_so_often_within_any_minute_and_is_told_when_again() -> None:
    clock = Clock()
    slots = AskingSlots(slots=10, per_minute=2, clock=clock)
    slots.admit(ONE)
    clock.seconds = 20
    slots.admit(ONE)
    with pytest.raises(AskedTooOften) as refused:
        slots.admit(ONE)
    assert refused.value.context["retry_after"] == 40
    slots.admit(TWO)
    clock.seconds = 60
    slots.admit(ONE)
    with pytest.raises(AskedTooOften):
        slots.admit(ONE)
