"""What a replica must have replayed, by what one process knows of the primary's log."""

from __future__ import annotations

import pytest

from helpdesk.database.base import new_id
from helpdesk.database.positions import UNKNOWN, PositionMalformed, Positions, read_position, write_position

OURS, THEIRS = new_id(), new_id()


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def positions(clock: Clock) -> Positions:
    return Positions(lag_s=5, clock=clock)


def test_before_the_first_look_no_replica_is_far_enough(positions: Positions) -> None:
    assert positions.demanded(OURS) == UNKNOWN


def test_a_replica_must_have_what_was_there_when_the_lag_began(positions: Positions, clock: Clock) -> None:
    for position in (100, 200, 300, 400):
        positions.looked(position, asked_at=positions.now())
        clock.now += 2

    # Looks of 8, 6, 4 and 2 seconds ago: the one of 4 is the oldest within the lag.
    assert positions.demanded(OURS) == 300


def test_without_a_look_within_the_lag_too_little_is_known(positions: Positions, clock: Clock) -> None:
    positions.looked(100, asked_at=positions.now())
    clock.now += 6

    assert positions.demanded(OURS) == UNKNOWN


def test_what_was_written_for_an_organisation_is_demanded_for_it_alone(positions: Positions) -> None:
    positions.looked(100, asked_at=positions.now())
    positions.wrote(OURS, 250)
    positions.wrote(OURS, 240)

    assert positions.demanded(OURS) == 250
    assert positions.demanded(THEIRS) == 100


def test_what_was_written_before_the_lag_is_forgotten_and_still_demanded(positions: Positions, clock: Clock) -> None:
    positions.wrote(OURS, 250)
    clock.now += 6
    positions.looked(260, asked_at=positions.now())

    assert positions.demanded(OURS) == 260
    assert positions._written == {}


def test_after_a_write_of_unknown_position_no_replica_is_asked_for_the_length_of_the_lag(
    positions: Positions, clock: Clock
) -> None:
    positions.looked(100, asked_at=positions.now())
    positions.lost_sight_of(OURS)
    positions.wrote(OURS, 105)
    assert positions.demanded(OURS) == UNKNOWN
    assert positions.demanded(THEIRS) == 100

    clock.now += 6
    positions.looked(110, asked_at=positions.now())
    assert positions.demanded(OURS) == 110


def test_one_that_writes_on_and_on_keeps_nobody_elses_note(positions: Positions, clock: Clock) -> None:
    positions.wrote(OURS, 1)
    positions.wrote(THEIRS, 2)
    for position in range(3, 10):
        clock.now += 1
        positions.wrote(OURS, position)

    assert set(positions._written) == {OURS}


def test_the_primary_is_looked_at_ten_times_within_the_lag_at_most(positions: Positions, clock: Clock) -> None:
    assert positions.wants_look
    positions.looked(100, asked_at=positions.now())
    assert not positions.wants_look
    clock.now += 0.5
    assert positions.wants_look


def test_positions_are_read_and_written_as_postgresql_does() -> None:
    assert read_position("16/B374D848") == 0x16_B374D848
    assert write_position(0x16_B374D848) == "16/B374D848"


@pytest.mark.parametrize("text", ["", "0", "/", "g/1", "0/1'", "123456789/0", "0/1 "])
def test_anything_else_is_no_position(text: str) -> None:
    with pytest.raises(PositionMalformed):
        read_position(text)
