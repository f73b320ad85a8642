"""The wait before the next try."""

from typing import ClassVar

import pytest

from helpdesk.queue.args import JobArgs
from helpdesk.queue.backoff import retry_delay_s


class Doubling(JobArgs):
    job_type: ClassVar = "DOUBLING"
    backoff_base_s: ClassVar = 2.0
    backoff_cap_s: ClassVar = 60.0


class Steps(JobArgs):
    job_type: ClassVar = "STEPS"
    backoff_steps_s: ClassVar = (60.0, 300.0, 900.0)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 2), (1, 4), (4, 32), (5, 60), (1000, 60)])
def test_the_wait_doubles_up_to_the_cap(failures: int, seconds: float) -> None:
    assert retry_delay_s(Doubling, retry_count=failures, luck=0.5) == seconds


def test_luck_spreads_the_wait_from_half_to_one_and_a_half() -> None:
    waits = [retry_delay_s(Doubling, retry_count=1, luck=luck) for luck in (0.0, 0.25, 0.999)]
    assert waits == pytest.approx([2.0, 3.0, 5.996])


def test_fixed_steps_of_one_five_and_fifteen_minutes_are_kept_and_the_last_one_repeated() -> None:
    assert [retry_delay_s(Steps, retry_count=n, luck=0.0) for n in range(5)] == [60, 300, 900, 900, 900]


def test_luck_makes_a_fixed_step_up_to_a_tenth_longer_and_never_shorter() -> None:
    assert [retry_delay_s(Steps, retry_count=1, luck=luck) for luck in (0.5, 1.0)] == pytest.approx([315.0, 330.0])
