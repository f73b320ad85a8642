from datetime import UTC, datetime, timedelta

import pytest

from helpdesk.sla.prediction.hazard import STEPS, next_step
from helpdesk.sla.prediction.moments import OLDEST, again_at
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.risk import BOUNDS, Risk, risk_of

TUESDAY = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
OFFICE = Calendar.from_json({"timezone": "UTC", "weekly": {"tue": [["09:00", "17:00"]], "wed": [["09:00", "17:00"]]}})


@pytest.mark.parametrize(
    ("probability", "risk"),
    [(0.0, "low"), (0.3333, "low"), (1 / 3, "medium"), (0.6666, "medium"), (2 / 3, "high"), (1.0, "high")],
)
def test_the_bounds_of_the_bands_are_odds_of_two_to_one(probability: float, risk: str) -> None:
    assert risk_of(probability) == risk
    low, beyond = BOUNDS[Risk(risk)]
    assert low <= probability < beyond


def test_a_clock_is_looked_at_anew_when_its_share_reaches_the_next_step() -> None:
    assert [next_step(step) for step in STEPS] == [0.1, 0.25, 0.5, 0.75, 0.9, None]
    hour = 3600
    assert again_at(OFFICE, TUESDAY, 0, 10 * hour) == TUESDAY + timedelta(hours=1)
    # Half of it is reached an hour after opening, the next day.
    assert again_at(OFFICE, TUESDAY + timedelta(hours=6), 3 * hour, 12 * hour) == TUESDAY + timedelta(days=1, hours=1)


def test_a_clock_whose_next_step_is_far_off_is_looked_at_once_a_day() -> None:
    assert again_at(OFFICE, TUESDAY, 0, 300 * 3600) == TUESDAY + OLDEST
    assert again_at(OFFICE, TUESDAY, 95, 100) == TUESDAY + OLDEST
    # It does not open again before the day is over, nor for long after that.
    assert again_at(OFFICE, TUESDAY + timedelta(days=1, hours=9), 0, 3600) == TUESDAY + timedelta(days=2, hours=9)
