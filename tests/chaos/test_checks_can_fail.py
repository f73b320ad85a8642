"""Each promise breaks when it is broken: wrong data is planted in a sound record, and the check says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from tests.chaos.checks import broken_promises
from tests.chaos.job_types import Exact, Limited, Plain, Poison
from tests.chaos.ledger import Ledger
from tests.chaos.marks import Mark, Step
from tests.chaos.record import Effect, Event, JobRow, Reach, Record

WORKER, OTHER = uuid4(), uuid4()
PLAIN, RESCUED, EXACT, POISON, FIRST, SECOND = (uuid4() for _ in range(6))
LOST = "lease lost: the worker died or lost the database"
KEY = "chaos-three"


def history(job: UUID, *events: tuple[str, UUID | None, str | None]) -> list[Event]:
    return [
        Event(number, job, event, None, worker, detail, wall=float(number))
        for number, (event, worker, detail) in enumerate(events)
    ]


def row(job: UUID, job_type: str, **values: object) -> JobRow:
    made = JobRow(job, job_type, "completed", 1, 1, 0, 0, 5, None, None)
    return replace(made, **values)  # type: ignore[arg-type]


def mark(job: UUID, step: Step, *, at: float, lease: int = 1, worker: UUID = WORKER) -> Mark:
    return Mark(job, lease, 1, worker, step, 1, at, at)


@pytest.fixture
def record() -> Record:
    """Return what a queue leaves that kept every promise, through a death of each kind."""
    once = (("enqueued", None, None), ("started", WORKER, None), ("completed", WORKER, None))
    crash = (("started", WORKER, None), ("rescued", WORKER, LOST))
    again = (("started", OTHER, None), ("completed", OTHER, None))
    last = (("started", WORKER, None), ("dead_lettered", WORKER, LOST))
    ledger = Ledger("a fault", sure={PLAIN: Plain, RESCUED: Plain, EXACT: Exact, POISON: Poison})
    ledger.sure |= {FIRST: Limited, SECOND: Limited}
    ledger.never = {uuid4()}
    jobs = [
        row(PLAIN, Plain.job_type),
        row(RESCUED, Plain.job_type, lease=3, attempts=2, crash_count=1),
        row(EXACT, Exact.job_type),
        row(POISON, Poison.job_type, status="dead_letter", lease=6, attempts=3, crash_count=3, last_error=LOST),
        row(FIRST, Limited.job_type, limit_key=KEY),
        row(SECOND, Limited.job_type, limit_key=KEY),
    ]
    events = {job: history(job, *once) for job in (PLAIN, EXACT, FIRST, SECOND)}
    events[RESCUED] = history(RESCUED, once[0], *crash, *again)
    events[POISON] = history(POISON, once[0], *crash, *crash, *last)
    marks = {
        PLAIN: [mark(PLAIN, "began", at=1), mark(PLAIN, "did", at=2)],
        RESCUED: [
            mark(RESCUED, "began", at=1),
            mark(RESCUED, "did", at=2),
            mark(RESCUED, "began", at=3, lease=3, worker=OTHER),
            mark(RESCUED, "did", at=4, lease=3, worker=OTHER),
        ],
        EXACT: [mark(EXACT, "began", at=1), mark(EXACT, "did", at=2)],
        FIRST: [mark(FIRST, "began", at=1), mark(FIRST, "did", at=2)],
        SECOND: [mark(SECOND, "began", at=2), mark(SECOND, "did", at=3)],
    }
    reaches = [Reach(0, 100, frozenset({WORKER}))]
    return Record(
        ledger, {job.id: job for job in jobs}, events, marks, [Effect(EXACT, 1, WORKER)], reaches, slots={KEY: 1}
    )


def test_a_sound_record_breaks_no_promise(record: Record) -> None:
    assert broken_promises(record) == {}


def change(record: Record, job: UUID, **values: object) -> None:
    record.jobs[job] = replace(record.jobs[job], **values)  # type: ignore[arg-type]


def lose_a_job(record: Record) -> None:
    del record.jobs[PLAIN]


def never_finish(record: Record) -> None:
    change(record, PLAIN, status="pending")


def set_a_neighbour_aside(record: Record) -> None:
    change(record, RESCUED, status="dead_letter")


def bring_back_what_was_rolled_back(record: Record) -> None:
    job = next(iter(record.ledger.never))
    record.jobs[job] = row(job, Plain.job_type)
    record.events[job] = history(job, ("enqueued", None, None))


def invent_a_job(record: Record) -> None:
    job = uuid4()
    record.jobs[job] = row(job, Plain.job_type)


def double_an_effect(record: Record) -> None:
    record.effects.append(Effect(EXACT, 1, WORKER))


def lose_an_effect(record: Record) -> None:
    record.effects.clear()


def let_a_zombie_have_the_effect(record: Record) -> None:
    record.effects[0] = Effect(EXACT, 7, OTHER)


def complete_without_work(record: Record) -> None:
    record.marks[PLAIN] = [mark(PLAIN, "began", at=1), mark(PLAIN, "stopped", at=2)]


def do_it_again_for_no_reason(record: Record) -> None:
    record.events[PLAIN] = history(
        PLAIN,
        ("enqueued", None, None),
        ("started", WORKER, None),
        ("snoozed", WORKER, None),
        ("started", WORKER, None),
        ("completed", WORKER, None),
    )
    record.marks[PLAIN] += [mark(PLAIN, "began", at=5, lease=2), mark(PLAIN, "did", at=6, lease=2)]
    change(record, PLAIN, lease=2, attempts=1)


def do_it_again_though_nothing_died(record: Record) -> None:
    record.reaches.clear()


def use_a_lease_twice(record: Record) -> None:
    record.marks[PLAIN].append(mark(PLAIN, "began", at=9))


def run_what_was_never_claimed(record: Record) -> None:
    record.marks[PLAIN].append(mark(PLAIN, "began", at=9, lease=5, worker=OTHER))


def set_a_lease_back(record: Record) -> None:
    change(record, RESCUED, lease=2)


def complete_twice(record: Record) -> None:
    record.events[PLAIN] += history(PLAIN, ("completed", WORKER, None))


def overwrite_a_status(record: Record) -> None:
    change(record, PLAIN, status="cancelled")


def count_a_crash_as_a_failure(record: Record) -> None:
    change(record, RESCUED, crash_count=0, retry_count=1)


def leave_a_job_running(record: Record) -> None:
    change(record, PLAIN, status="running", locked_by=WORKER)


def leave_a_slot_taken(record: Record) -> None:
    change(record, FIRST, limit_slot=1)


def run_two_where_one_may(record: Record) -> None:
    record.marks[SECOND][0] = mark(SECOND, "began", at=1.5)


def see_two_running_where_one_may(record: Record) -> None:
    record.seen_running = {KEY: 2}


def forget_the_limit(record: Record) -> None:
    change(record, FIRST, limit_key=None)


def let_poison_go_on(record: Record) -> None:
    change(record, POISON, crash_count=4)


def set_poison_aside_without_a_word(record: Record) -> None:
    change(record, POISON, last_error=None)


@pytest.mark.parametrize(
    ("plant", "promise"),
    [
        (lose_a_job, "none is lost"),
        (never_finish, "none is lost"),
        (set_a_neighbour_aside, "none is lost"),
        (bring_back_what_was_rolled_back, "none appears from nowhere"),
        (invent_a_job, "none appears from nowhere"),
        (double_an_effect, "effects in the transaction happen exactly once"),
        (lose_an_effect, "effects in the transaction happen exactly once"),
        (let_a_zombie_have_the_effect, "effects in the transaction happen exactly once"),
        (complete_without_work, "completed jobs did their work"),
        (do_it_again_for_no_reason, "doubles were in flight when something died"),
        (do_it_again_though_nothing_died, "doubles were in flight when something died"),
        (do_it_again_though_nothing_died, "leases are lost only to faults"),
        (use_a_lease_twice, "no lease is used twice"),
        (run_what_was_never_claimed, "no lease is used twice"),
        (set_a_lease_back, "no lease is used twice"),
        (complete_twice, "histories are legal"),
        (overwrite_a_status, "histories are legal"),
        (count_a_crash_as_a_failure, "counts agree with histories"),
        (leave_a_job_running, "nothing is left running"),
        (leave_a_slot_taken, "nothing is left running"),
        (run_two_where_one_may, "limits hold"),
        (see_two_running_where_one_may, "limits hold"),
        (forget_the_limit, "limits hold"),
        (let_poison_go_on, "poison is set aside"),
        (set_poison_aside_without_a_word, "poison is set aside"),
    ],
)
def test_planted_wrong_data_breaks_its_promise(record: Record, plant: Callable[[Record], None], promise: str) -> None:
    plant(record)
    assert promise in broken_promises(record)
