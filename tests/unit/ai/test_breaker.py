from __future__ import annotations

import pytest

from helpdesk.ai.model import InputRefused, ModelBusy
from helpdesk.ai.providers.breaker import Breaker, BreakerState


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _fail(breaker: Breaker) -> None:
    with pytest.raises(ModelBusy), breaker.guard():
        raise ModelBusy("away")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("text", failures_to_open=3, cooldown_s=5, longest_cooldown_s=20, clock=clock)


def test_three_failures_in_a_row_open_it_and_calls_are_refused(breaker: Breaker) -> None:
    for _ in range(3):
        _fail(breaker)
    assert breaker.state is BreakerState.OPEN
    called = False
    with pytest.raises(ModelBusy) as busy, breaker.guard():
        called = True
    assert not called
    assert busy.value.retry_after == 5


def test_an_answer_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    for _ in range(2):
        _fail(breaker)
    with breaker.guard():
        pass
    _fail(breaker)
    assert breaker.state is BreakerState.CLOSED


def test_a_refused_text_is_an_answer(breaker: Breaker) -> None:
    for _ in range(5):
        with pytest.raises(InputRefused), breaker.guard():
            raise InputRefused
    assert breaker.state is BreakerState.CLOSED


def test_after_the_cooldown_one_probe_goes_through_and_closes_it(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        _fail(breaker)
    clock.now = 5
    assert breaker.state is BreakerState.HALF_OPEN
    with breaker.guard(), pytest.raises(ModelBusy), breaker.guard():
        pass
    assert breaker.state is BreakerState.CLOSED
    assert breaker.report() == {
        "state": "closed",
        "failures": 0,
        "retry_in_s": 0.0,
        "last_error": None,
        "last_failure": "away",
        "last_failure_ago_s": 5,
    }


def test_failed_probes_double_the_cooldown_up_to_its_longest(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        _fail(breaker)
    waits = []
    for _ in range(4):
        clock.now += breaker.report()["retry_in_s"]
        _fail(breaker)
        waits.append(breaker.report()["retry_in_s"])
    assert waits == [10, 20, 20, 20]


def test_a_cancelled_probe_makes_way_for_the_next(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        _fail(breaker)
    clock.now = 5
    with pytest.raises(KeyboardInterrupt), breaker.guard():
        raise KeyboardInterrupt
    assert breaker.state is BreakerState.HALF_OPEN
    with breaker.guard():
        pass
    assert breaker.state is BreakerState.CLOSED
