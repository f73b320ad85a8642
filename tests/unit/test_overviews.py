"""Figures that many ask for at once are taken once."""

from __future__ import annotations

import asyncio

import pytest

from api.overviews import Overviews


class Counter:
    def __init__(self) -> None:
        self.taken = 0

    async def take(self) -> int:
        self.taken += 1
        await asyncio.sleep(0.01)
        return self.taken


async def test_of_those_who_ask_at_the_same_time_one_takes_the_figures() -> None:
    overviews, counter = Overviews(), Counter()
    assert await asyncio.gather(*(overviews.get("one", counter.take) for _ in range(20))) == [1] * 20
    assert await overviews.get("other", counter.take) == 2


async def test_figures_are_taken_anew_once_they_are_old() -> None:
    overviews, counter = Overviews(kept_s=0.02), Counter()
    assert await overviews.get("one", counter.take) == 1
    await asyncio.sleep(0.05)
    assert await overviews.get("one", counter.take) == 2


async def test_a_failure_is_told_and_not_kept() -> None:
    overviews, counter = Overviews(), Counter()

    async def fail() -> int:
        raise ValueError("away")

    with pytest.raises(ValueError, match="away"):
        await overviews.get("one", fail)
    assert await overviews.get("one", counter.take) == 1
