from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from helpdesk.triage.learning.gate_rule import NEWEST, Judged, Tally, has_fallen, has_recovered, tally, told

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def judged(right: int, wrong: int, *, needed: float = 0.95, weight: float = 1.0, hours_ago: int = 0) -> list[Judged]:
    """Return judgements, the wrong ones first in time."""
    at = NOW - timedelta(hours=hours_ago)
    return [
        Judged("category", "network", place >= wrong, weight, needed, at, at + timedelta(minutes=place))
        for place in range(right + wrong)
    ]


def test_what_chance_explains_does_not_shut_a_gate() -> None:
    for right, wrong in ((10, 0), (9, 1), (47, 3), (45, 5)):
        assert not has_fallen(tally(judged(right, wrong), since=None))


def test_more_mistakes_than_chance_explains_shut_it() -> None:
    found = tally(judged(40, 10), since=None)
    assert has_fallen(found)
    assert found.chance == pytest.approx(1.6e-4, rel=0.1)
    assert told(found) == "80% of 50 were right, 95% had to be"


def test_a_handful_of_judgements_shuts_nothing() -> None:
    assert not has_fallen(tally(judged(0, 9), since=None))
    assert has_fallen(tally(judged(0, 10), since=None))


def test_an_offer_has_to_keep_only_what_it_promised() -> None:
    assert not has_fallen(tally(judged(6, 4, needed=0.6), since=None))
    assert has_fallen(tally(judged(6, 4, needed=0.95), since=None))


def test_one_slip_is_no_failure_even_where_everything_should_be_right() -> None:
    found = tally(judged(19, 1, needed=1.0), since=None)
    assert found.floor == 0.99
    assert not has_fallen(found)


def test_silence_counts_by_half() -> None:
    found = tally(judged(20, 0, weight=0.5), since=None)
    assert (found.judged, found.correct, found.accuracy) == (10, 10, 1)


def test_only_the_newest_count_and_only_those_made_after_the_gate_moved() -> None:
    old, new = judged(0, 40, hours_ago=200), judged(NEWEST, 0, hours_ago=100)
    assert tally([*old, *new], since=None).accuracy == 1
    assert tally(old, since=NOW - timedelta(hours=150)) == Tally()


def test_coming_back_takes_twenty_judgements_that_reach_the_floor() -> None:
    assert not has_recovered(tally(judged(19, 0), since=None))
    assert has_recovered(tally(judged(20, 0), since=None))
    # Not falling is easier than coming back.
    eighteen_of_twenty = tally(judged(18, 2), since=None)
    assert not has_recovered(eighteen_of_twenty)
    assert not has_fallen(eighteen_of_twenty)


def test_nothing_judged_says_nothing() -> None:
    found = tally([], since=None)
    assert (found.accuracy, found.chance, has_fallen(found), has_recovered(found)) == (None, 1.0, False, False)
    assert told(found) == "nothing was judged"
