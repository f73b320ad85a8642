"""That a soak notices what grows, and lets alone what does not."""

from __future__ import annotations

from random import Random

import pytest

from tests.soak.chart import as_picture, in_text
from tests.soak.load import Request
from tests.soak.samples import Sample
from tests.soak.verdicts import growth, judge

LENGTH = 180
LUCK = Random(5)


def sample(minute: float, **changes: float) -> Sample:
    wave = 1500 * (minute % 7)
    told = {"memory": 2e8 + LUCK.gauss(0, 5e5), "files": 20, "connections": 11, "dead": wave, "waiting": 4, "lost": 0}
    told |= changes
    return Sample(
        at=60 * minute,
        memory_bytes={"api": int(told["memory"])},
        files={"api": int(told["files"])},
        connections={"atum-desk-api": int(told["connections"])},
        dead_rows=int(told["dead"]),
        live_rows=10_000,
        waiting=int(told["waiting"]),
        dead_letters=int(told["lost"]),
    )


def samples(**growing: float) -> list[Sample]:
    """Return half an hour; what is named grows from what it is by so much a minute."""
    start = {"memory": 2e8, "files": 20.0, "connections": 11.0, "dead": 1500.0, "waiting": 4.0, "lost": 0.0}
    minutes = [30 * index / LENGTH for index in range(LENGTH + 1)]
    return [
        sample(minute, **{name: start[name] + rate * minute for name, rate in growing.items()}) for minute in minutes
    ]


def requests(*, slower_by: float = 0.0, status: int = 201) -> list[Request]:
    return [
        Request(second, "open", status, 0.02 + LUCK.random() / 20 + slower_by * second / 1800) for second in range(1800)
    ]


def broken(seen: list[Sample], asked: list[Request]) -> list[str]:
    return [verdict.name for verdict in judge(seen, asked) if not verdict.kept]


def test_what_stays_as_it_is_keeps_every_promise() -> None:
    assert broken(samples(), requests()) == []


@pytest.mark.parametrize(
    ("growing", "promise"),
    [
        ({"memory": 6e5}, "memory of api"),
        ({"files": 1.0}, "open files of api"),
        ({"connections": 0.1}, "connections"),
        ({"dead": 500.0}, "dead rows"),
        ({"waiting": 10.0}, "work that waits"),
        ({"lost": 0.1}, "failures"),
    ],
)
def test_what_grows_breaks_its_promise_and_no_other(growing: dict[str, float], promise: str) -> None:
    assert broken(samples(**growing), requests()) == [promise]


def test_answers_that_take_longer_and_longer_break_a_promise() -> None:
    assert broken(samples(), requests(slower_by=1.0)) == ["p99 of open"]


def test_one_refused_request_is_a_failure() -> None:
    assert broken(samples(), [*requests(), Request(900, "open", 503, 0.1)]) == ["failures"]


def test_growth_is_that_of_the_trend_and_not_of_a_jump() -> None:
    steady = [sample(minute, memory=2e8 if minute != 7 else 4e8) for minute in range(30)]
    assert growth(steady, "api") == 0
    rising = [sample(minute, memory=2e8 + 1e6 * minute) for minute in range(31)]
    assert growth(rising, "api") == pytest.approx(30e6 / 2.15e8)


def test_a_chart_has_a_line_for_each_series(tmp_path) -> None:
    seen = samples(memory=3e6)
    lines = {name: bars for name, bars, _ in in_text(seen, requests())}
    assert list(lines) == ["api memory", "connections", "dead rows", "work that waits", "p99 of requests"]
    assert (lines["api memory"][0], lines["api memory"][-1]) == ("▆", "█")
    as_picture(seen, requests(), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
