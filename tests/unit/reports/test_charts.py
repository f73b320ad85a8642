import pytest

from helpdesk.reports.breaches import duration
from helpdesk.reports.charts import HEIGHT, WIDTH, counts_chart, shares_chart
from helpdesk.reports.compliance import Tally
from helpdesk.reports.sla_page import percent, points
from helpdesk.reports.sla_report import Compared

DASH, MINUS = "\u2013", "\u2212"


def test_the_bars_of_counts_stand_on_one_scale_and_within_the_chart() -> None:
    small, none, large = counts_chart([("Mon", Tally(2, 1)), ("Tue", Tally()), ("Wed", Tally(4, 2))]).bars
    assert small.met_height + small.breached_height == (large.met_height + large.breached_height) / 2
    assert none.met_height == none.breached_height == 0
    assert large.breached_y + large.breached_height == large.met_y
    assert large.met_y + large.met_height == HEIGHT
    assert 0 < large.top < large.breached_y
    assert (small.middle, large.middle) == (WIDTH / 6, WIDTH * 5 / 6)


def test_the_bars_of_shares_are_equally_high() -> None:
    bars = shares_chart([("W1", Tally(1, 1)), ("W2", Tally(90, 10))]).bars
    heights = [bar.met_height + bar.breached_height for bar in bars]
    assert heights[0] == pytest.approx(heights[1])
    assert bars[1].met_height == pytest.approx(heights[1] * 0.9)
    assert counts_chart([]).bars == []


@pytest.mark.parametrize(
    ("share", "shown"), [(None, DASH), (1.0, "100.0 %"), (0.9999, "99.9 %"), (0.5714, "57.1 %"), (0.0, "0.0 %")]
)
def test_a_share_is_never_shown_better_than_it_is(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_a_change_is_told_only_between_two_shares() -> None:
    assert points(Compared("a", Tally(3, 1), Tally(1, 1)).change) == "+25.0"
    assert points(Compared("a", Tally(1, 1), Tally(3, 1)).change) == f"{MINUS}25.0"
    assert points(Compared("a", Tally(1, 1), Tally(2, 2)).change) == "±0.0"
    assert points(Compared("a", Tally(1, 1), Tally()).change) == DASH


def test_amounts_of_time_are_told_in_words() -> None:
    assert [duration(seconds) for seconds in (0, 59, 1800, 3600, 7500, 3_600_000)] == [
        *("0 min", "1 min", "30 min", "1 h", "2 h 5 min", "1,000 h"),
    ]
