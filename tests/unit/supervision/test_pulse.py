"""When a loop counts as hung, by a clock that the test turns."""

from __future__ import annotations

from workers.pulse import LONGEST_TURN_S, Pulse


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_loop_that_does_not_come_round_is_hung() -> None:
    clock = _Clock()
    pulse = Pulse(clock=clock)
    pulse.beat("claimer")
    pulse.beat("ticks", within_s=600)

    clock.now += LONGEST_TURN_S
    assert pulse.hung() == []
    clock.now += 1
    assert pulse.hung() == ["claimer"]
    clock.now += 600
    assert pulse.hung() == ["claimer", "ticks"]


def test_a_loop_that_comes_round_again_is_not() -> None:
    clock = _Clock()
    pulse = Pulse(clock=clock)
    pulse.beat("claimer")

    clock.now += LONGEST_TURN_S + 1
    pulse.beat("claimer")

    assert pulse.hung() == []


def test_a_loop_that_waits_for_work_to_end_is_given_its_time() -> None:
    clock = _Clock()
    pulse = Pulse(clock=clock)
    pulse.beat("claimer")
    pulse.rest("claimer")
    pulse.rest("never seen")

    clock.now += 10 * LONGEST_TURN_S

    assert pulse.hung() == []
