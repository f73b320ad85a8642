"""Up to which event nothing new can appear: the floor against a model of transactions that commit in any order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from helpdesk.queue.tail import SettledFloor


class Writers:
    """Transactions that draw a number, then ids, and commit whenever they like."""

    def __init__(self) -> None:
        self.next_number, self.next_id = 1, 1
        self.open: dict[int, list[int]] = {}
        self.committed: list[int] = []

    def begin(self) -> None:
        self.open[self.next_number] = []
        self.next_number += 1

    def write(self, which: int) -> None:
        if self.open:
            self.open[sorted(self.open)[which % len(self.open)]].append(self.next_id)
            self.next_id += 1

    def end(self, which: int, *, commit: bool) -> None:
        if self.open:
            ids = self.open.pop(sorted(self.open)[which % len(self.open)])
            if commit:
                self.committed += ids

    @property
    def oldest_open(self) -> int:
        return min(self.open, default=self.next_number)

    def draw(self) -> int:
        self.next_number += 1
        return self.next_number - 1


STEPS = st.lists(
    st.tuples(st.sampled_from(["begin", "write", "write", "commit", "roll back", "look"]), st.integers(0, 5)),
    max_size=200,
)


def look(floor: SettledFloor, writers: Writers, shown: list[int], *, limit: int) -> None:
    oldest_open = writers.oldest_open
    new = sorted(each for each in writers.committed if each > floor.floor and each not in floor.seen)[:limit]
    shown += new
    floor.note(new, oldest_open=oldest_open, drawn=writers.draw())


@given(STEPS, st.sampled_from([1, 3, 1000]))
def test_every_event_is_shown_once_however_late_it_commits(steps: list[tuple[str, int]], limit: int) -> None:
    writers, floor, shown = Writers(), SettledFloor(0), []
    for step, which in steps:
        if step == "begin":
            writers.begin()
        elif step == "write":
            writers.write(which)
        elif step == "look":
            look(floor, writers, shown, limit=limit)
        else:
            writers.end(which, commit=step == "commit")
    while writers.open:
        writers.end(0, commit=True)
    for _ in range(len(writers.committed) + 1):
        look(floor, writers, shown, limit=limit)

    assert sorted(shown) == sorted(writers.committed)


def test_the_floor_rises_once_nothing_older_is_open() -> None:
    writers, floor, shown = Writers(), SettledFloor(0), []
    for _ in range(50):
        writers.begin()
        writers.write(0)
        writers.end(0, commit=True)
        look(floor, writers, shown, limit=1000)

    assert shown == list(range(1, 51))
    assert floor.floor >= 48
    assert len(floor.seen) <= 2


def test_what_was_there_at_the_beginning_is_not_shown_again() -> None:
    writers, shown = Writers(), []
    writers.begin()
    for _ in range(5):
        writers.write(0)
    writers.end(0, commit=True)
    floor = SettledFloor(0, seen=[1, 2, 3])
    look(floor, writers, shown, limit=1000)
    assert shown == [4, 5]
