from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from helpdesk.ai.providers.turns import MOST_IN_A_ROW, Turns
from tests.waiting import eventually


class People:
    """Those of other processes."""

    def __init__(self, waiting: int = 0) -> None:
        self.waiting = waiting
        self.asked = 0

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        self.waiting += 1
        yield
        self.waiting -= 1

    async def is_empty(self) -> bool:
        self.asked += 1
        return self.waiting == 0


async def _queue_up(turns: Turns, names: list[str], order: list[str], gate: asyncio.Event) -> list[asyncio.Task[None]]:
    """Let calls arrive one after the other, each of which ends at once when the gate is open."""

    async def call(name: str) -> None:
        async with turns.turn(interactive=name.startswith("person")):
            await gate.wait()
            order.append(name)

    tasks = []
    for name in names:
        tasks.append(asyncio.create_task(call(name)))
        for _ in range(5):
            await asyncio.sleep(0)
    return tasks


async def test_a_person_who_arrives_while_five_others_wait_is_next() -> None:
    order: list[str] = []
    gate = asyncio.Event()
    turns = Turns()
    tasks = await _queue_up(turns, [*(f"batch {number}" for number in range(6)), "person"], order, gate)
    gate.set()
    await asyncio.gather(*tasks)
    assert order == ["batch 0", "person", *(f"batch {number}" for number in range(1, 6))]


async def test_a_call_that_nobody_waits_for_gets_its_turn_among_many_people() -> None:
    order: list[str] = []
    gate = asyncio.Event()
    tasks = await _queue_up(
        Turns(), ["person first", "batch", *(f"person {number}" for number in range(9))], order, gate
    )
    gate.set()
    await asyncio.gather(*tasks)
    assert order.index("batch") == 1 + MOST_IN_A_ROW


async def test_as_many_calls_are_made_at_once_as_are_allowed() -> None:
    turns, running, most = Turns(at_once=2), 0, 0

    async def call() -> None:
        nonlocal running, most
        async with turns.turn(interactive=False):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1

    await asyncio.gather(*(call() for _ in range(7)))
    assert (most, running) == (2, 0)


@pytest.mark.parametrize("interactive", [True, False])
async def test_whoever_leaves_the_line_or_gives_up_keeps_no_turn(interactive: bool) -> None:
    turns, order, gate = Turns(), [], asyncio.Event()
    first, waiting, last = await _queue_up(
        turns, ["batch 0", "person" if interactive else "batch 1", "batch 2"], order, gate
    )
    waiting.cancel()
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    await asyncio.wait_for(last, 5)
    assert order == ["batch 2"]
    async with asyncio.timeout(5), turns.turn(interactive=False):
        pass


async def test_it_gives_way_to_people_of_other_processes_while_they_wait() -> None:
    people = People(waiting=1)
    turns = Turns(line=people)
    call = asyncio.create_task(_one(turns))
    await eventually(lambda: people.asked >= 2, every_s=0.01)
    assert not call.done()
    # Meanwhile people of this process are served.
    async with asyncio.timeout(5), turns.turn(interactive=True):
        assert people.waiting == 2
    people.waiting = 0
    await asyncio.wait_for(call, 5)


async def test_it_does_not_give_way_for_ever() -> None:
    people = People(waiting=1)
    await asyncio.wait_for(_one(Turns(line=people, gives_way_s=0.3)), 5)
    assert people.waiting == 1


async def _one(turns: Turns) -> None:
    async with turns.turn(interactive=False):
        pass
