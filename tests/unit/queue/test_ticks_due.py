"""Which ticks a scheduler offers, whenever it looks and however old what it knows is."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.queue.cron import Cron
from helpdesk.queue.schedule import GRACE, CronEntry, Missed, ticks_due

START = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
CRONS = ("*/15 * * * *", "30 2 * * *", "0 * * * *", "*/20 1-3 * * *", "* 2 * * *")
# Seconds until the next look, and how many of the last ticks the process that looks has not heard of.
LOOKS = st.lists(st.tuples(st.integers(1, 4 * 3600), st.integers(0, 3)), min_size=1, max_size=25)


def offered(entry: CronEntry, looks: list[tuple[int, int]]) -> tuple[list[datetime], datetime]:
    """Let schedulers look one after the other, and return the ticks that became jobs, in order, and the last look."""
    taken: list[datetime] = []
    now = START
    for seconds, unheard in looks:
        now += timedelta(seconds=seconds)
        known = taken[: len(taken) - unheard] if unheard else taken
        for tick in ticks_due(entry, after=max(known, default=START), now=now):
            # The table's key takes a tick once.
            if tick not in taken:
                taken.append(tick)
    return taken, now


def entry(cron: str, missed: Missed) -> CronEntry:
    return CronEntry(name="e", cron=cron, job_type="J", zone="Europe/Vienna", missed=missed, most=1000)


@settings(max_examples=100, deadline=None)
@given(cron=st.sampled_from(CRONS), looks=LOOKS)
def test_with_all_no_tick_is_lost(cron: str, looks: list[tuple[int, int]]) -> None:
    taken, end = offered(entry(cron, "all"), looks)
    assert taken == Cron(cron, "Europe/Vienna").between(START, end)


@settings(max_examples=100, deadline=None)
@given(cron=st.sampled_from(CRONS), looks=LOOKS)
def test_with_latest_the_newest_is_never_lost_and_nothing_is_made_up_twice(
    cron: str, looks: list[tuple[int, int]]
) -> None:
    taken, end = offered(entry(cron, "latest"), looks)
    every = Cron(cron, "Europe/Vienna").between(START, end)
    assert taken == sorted(set(taken))
    assert set(taken) <= set(every)
    assert taken[-1:] == every[-1:]
    assert len(taken) <= len(looks)


@settings(max_examples=100, deadline=None)
@given(cron=st.sampled_from(CRONS), looks=LOOKS)
def test_with_skip_only_what_nobody_looked_for_in_time_is_dropped(cron: str, looks: list[tuple[int, int]]) -> None:
    taken, end = offered(entry(cron, "skip"), looks)
    moments, now = [], START
    for seconds, _ in looks:
        moments.append(now := now + timedelta(seconds=seconds))
    in_time = [
        tick
        for tick in Cron(cron, "Europe/Vienna").between(START, end)
        if any(timedelta() <= moment - tick < GRACE for moment in moments)
    ]
    assert taken == in_time


def test_more_than_the_newest_are_not_made_up_for() -> None:
    quarterly = CronEntry(name="e", cron="*/15 * * * *", job_type="J", missed="all", most=3)
    due = ticks_due(quarterly, after=START - timedelta(days=30), now=START)
    assert due == [START - timedelta(minutes=minutes) for minutes in (30, 15, 0)]
