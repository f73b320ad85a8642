"""The promises, each a pure function over a record that returns what breaks it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from tests.chaos.job_types import Exact, Hopeless, Poison
from tests.chaos.marks import Mark
from tests.chaos.record import Event, JobRow, Record

CRASHES_ALLOWED = 3

# What the history may say next, by what the job is; anything else is a broken state machine.
_LEGAL = {
    ("new", "enqueued"): "pending",
    ("pending", "started"): "running",
    ("pending", "cancelled"): "cancelled",
    ("running", "completed"): "completed",
    ("running", "retried"): "pending",
    ("running", "rescued"): "pending",
    ("running", "released"): "pending",
    ("running", "snoozed"): "pending",
    ("running", "cancelled"): "cancelled",
    ("running", "cancel_requested"): "running",
    ("running", "dead_lettered"): "dead_letter",
    ("dead_letter", "replayed"): "pending",
    ("cancelled", "replayed"): "pending",
}
_LEASE_LOST = "lease lost"
# Endings that the queue, not the handler, gave a run.
_TAKEN = {"rescued", "released"}


@dataclass(frozen=True)
class Run:
    """One claim of a job, and the event that ended it (None: it has not ended)."""

    lease: int
    started: Event
    ended: Event | None


def runs(events: list[Event]) -> list[Run]:
    """Return a job's runs with their leases: +1 for each claim and for each rescue."""
    found: list[Run] = []
    lease, started = 0, None
    for event in events:
        if event.event == "started":
            lease += 1
            if started is not None:
                found.append(Run(lease - 1, started, None))
            started = event
        elif started is not None and event.event != "cancel_requested":
            found.append(Run(lease, started, event))
            started = None
            lease += by_rescue(event)
    if started is not None:
        found.append(Run(lease, started, None))
    return found


def by_rescue(event: Event) -> bool:
    """Return whether a job was taken from its worker rather than given up by it."""
    gone = (event.detail or "").startswith((_LEASE_LOST, "stuck"))
    return event.event == "rescued" or (event.event in ("dead_lettered", "cancelled") and gone)


def none_is_lost(record: Record) -> Iterator[str]:
    """Each job that was committed is there, and has ended as its kind must."""
    for job_id, kind in record.ledger.sure.items():
        job = record.jobs.get(job_id)
        if job is None:
            yield f"{kind.__name__} {job_id} was committed and is gone"
    for job in record.jobs.values():
        wanted = "dead_letter" if job.job_type in (Hopeless.job_type, Poison.job_type) else "completed"
        if job.status != wanted:
            yield f"{_named(job)} is {job.status}, not {wanted}: {job.last_error}"


def none_appears_from_nowhere(record: Record) -> Iterator[str]:
    """A job whose transaction was rolled back never exists, runs or has an effect."""
    known = record.ledger.known()
    for job_id in record.ledger.never:
        if job_id in record.jobs or job_id in record.marks:
            yield f"{job_id} was rolled back and yet is there"
    for job in record.jobs.values():
        if job.id not in known and job.job_type != "CHAOS_TICK":
            yield f"{_named(job)} was asked for by nobody"


def effects_in_the_transaction_happen_exactly_once(record: Record) -> Iterator[str]:
    """A job that completes in its handler's transaction has one effect, of the run that completed it."""
    effects = Counter(effect.job for effect in record.effects)
    leases = {effect.job: effect.lease for effect in record.effects}
    for job_id, count in effects.items():
        if count > 1:
            yield f"{job_id} had its effect {count} times"
        if job_id not in record.jobs:
            yield f"{job_id} had an effect and does not exist"
    for job in record.jobs.values():
        if job.job_type != Exact.job_type:
            continue
        completed = job.status == "completed"
        if completed != (effects[job.id] > 0):
            yield f"{_named(job)} is {job.status} and had its effect {effects[job.id]} times"
        elif completed and leases[job.id] != job.lease:
            yield f"{_named(job)} was completed under lease {job.lease}, its effect is of {leases[job.id]}"


def completed_jobs_did_their_work(record: Record) -> Iterator[str]:
    """The run that completed a job is one that did the work."""
    for job in record.jobs.values():
        if job.status != "completed" or job.job_type == Exact.job_type:
            continue
        last = [run for run in runs(record.events.get(job.id, [])) if run.ended and run.ended.event == "completed"]
        did = {mark.lease for mark in record.marks.get(job.id, ()) if mark.step == "did"}
        if not last or last[-1].lease not in did:
            yield f"{_named(job)} is completed, but the run that says so did nothing; runs {sorted(did)} did"


def doubles(record: Record) -> dict[UUID, int]:
    """Return how often the work of a job was done beyond once, by job."""
    done = {job: sum(mark.step == "did" for mark in marks) for job, marks in record.marks.items()}
    return {job: count - 1 for job, count in done.items() if count > 1}


def doubles_were_in_flight_when_something_died(record: Record) -> Iterator[str]:
    """Work is done again only when its worker died or lost the database before the queue heard that it was done."""
    for job_id in doubles(record):
        ends = {run.lease: run.ended for run in runs(record.events.get(job_id, []))}
        for mark in record.marks[job_id]:
            end = ends.get(mark.lease)
            if mark.step != "did" or (end is not None and end.event == "completed"):
                continue
            if end is None:
                yield f"{job_id} was done under lease {mark.lease}, of which the history knows no end"
            elif not (end.event in _TAKEN or by_rescue(end)):
                yield f"{job_id} was done under lease {mark.lease}, and then {end.event}: {end.detail}"
            elif not any(reach.covers(end) for reach in record.reaches):
                yield f"{job_id} was done twice: its worker {end.worker} was {end.event}, but nothing had died"


def leases_are_lost_only_to_faults(record: Record) -> Iterator[str]:
    """A rescue names a worker that had died, stood still or lost the database; nobody else loses a lease."""
    for job_id, events in record.events.items():
        for event in events:
            if by_rescue(event) and not any(reach.covers(event) for reach in record.reaches):
                yield f"{job_id} was taken from worker {event.worker}, which was well: {event.detail}"


def no_lease_is_used_twice(record: Record) -> Iterator[str]:
    """Each run has a lease of its own, higher than those before, under the worker the history names."""
    for job in record.jobs.values():
        history = runs(record.events.get(job.id, []))
        workers = {run.lease: run.started.worker for run in history}
        began = Counter(mark.lease for mark in record.marks.get(job.id, ()) if mark.step == "began")
        for lease, count in began.items():
            if count > 1:
                yield f"{_named(job)} ran {count} times under lease {lease}"
        for mark in record.marks.get(job.id, ()):
            if workers.get(mark.lease) != mark.worker:
                yield f"{_named(job)} ran under lease {mark.lease} in {mark.worker}, which never claimed it"
        counted = len(history) + sum(by_rescue(event) for event in record.events.get(job.id, ()))
        if counted != job.lease:
            yield f"{_named(job)} has lease {job.lease}, its history says {counted}"


def histories_are_legal(record: Record) -> Iterator[str]:
    """Events follow one another as the states of a job allow, and end at the job's status."""
    for job in record.jobs.values():
        state = "new"
        for event in record.events.get(job.id, []):
            became = _LEGAL.get((state, event.event))
            if became is None:
                yield f"{_named(job)} was {state} and then {event.event}"
                break
            state = became
        else:
            if state != job.status:
                yield f"{_named(job)} is {job.status}, its history ends at {state}"


def counts_agree_with_histories(record: Record) -> Iterator[str]:
    """Crashes are counted apart from failures, and neither snoozes nor releases count."""
    for job in record.jobs.values():
        events = record.events.get(job.id, [])
        since = max((at for at, event in enumerate(events) if event.event == "replayed"), default=-1)
        crashes = sum(by_rescue(event) for event in events[since + 1 :])
        failures = sum(
            event.event == "retried" or (event.event == "dead_lettered" and not by_rescue(event))
            for event in events[since + 1 :]
        )
        if (job.crash_count, job.retry_count) != (crashes, failures):
            yield (
                f"{_named(job)} counts {job.crash_count} crashes and {job.retry_count} failures,"
                f" its history {crashes} and {failures}"
            )


def nothing_is_left_running(record: Record) -> Iterator[str]:
    """No job is locked or holds a slot of its limit at the end."""
    for job in record.jobs.values():
        if job.status in ("pending", "running") or job.locked_by is not None or job.limit_slot is not None:
            yield f"{_named(job)} is {job.status}, locked by {job.locked_by}, in slot {job.limit_slot}"


def limits_hold(record: Record) -> Iterator[str]:
    """Never do more jobs of a limit run than it has slots: by the table, and by what handlers saw."""
    for key, most in record.seen_running.items():
        if most > record.slots.get(key, most):
            yield f"{most} jobs of {key} were seen running, {record.slots[key]} may"
    for key, slots in record.slots.items():
        most = _most_at_once(record, key)
        if most > slots:
            yield f"{most} jobs of {key} ran at a time, {slots} may"
    for job in record.jobs.values():
        if job.job_type in ("CHAOS_LIMITED", "CHAOS_TENANT_LIMITED") and job.limit_key is None:
            yield f"{_named(job)} has no limit key"


def _most_at_once(record: Record, key: str) -> int:
    changes: list[tuple[float, int]] = []
    for job in record.jobs.values():
        if job.limit_key == key:
            changes += _intervals(record, job)
    most = present = 0
    # An end goes before a beginning at the same moment.
    for _, change in sorted(changes):
        present += change
        most = max(most, present)
    return most


def _intervals(record: Record, job: JobRow) -> Iterator[tuple[float, int]]:
    lines: defaultdict[int, list[Mark]] = defaultdict(list)
    for mark in record.marks.get(job.id, ()):
        lines[mark.lease].append(mark)
    for begins, *rest in lines.values():
        ends = rest[-1].at if rest else record.died_at.get(begins.worker)
        # Neither ended nor dead: the process was stopped in its first moments, before another took the job.
        if ends is not None:
            yield begins.at, 1
            yield ends, -1


def poison_is_set_aside(record: Record) -> Iterator[str]:
    """A job that kills its worker is a dead letter after exactly three crashes, and says why."""
    for job in record.jobs.values():
        if job.job_type != Poison.job_type:
            continue
        if job.crash_count != CRASHES_ALLOWED or job.status != "dead_letter":
            yield f"{_named(job)} is {job.status} after {job.crash_count} crashes"
        elif not (job.last_error or "").strip():
            yield f"{_named(job)} does not say why it was set aside"


def _named(job: JobRow) -> str:
    return f"{job.job_type} {job.id}"


Check = Callable[[Record], Iterator[str]]

PROMISES: tuple[Check, ...] = (
    none_is_lost,
    none_appears_from_nowhere,
    effects_in_the_transaction_happen_exactly_once,
    completed_jobs_did_their_work,
    doubles_were_in_flight_when_something_died,
    leases_are_lost_only_to_faults,
    no_lease_is_used_twice,
    histories_are_legal,
    counts_agree_with_histories,
    nothing_is_left_running,
    limits_hold,
    poison_is_set_aside,
)


def broken_promises(record: Record) -> dict[str, list[str]]:
    """Return what is broken, by promise; empty when all is well."""
    found = {check.__name__.replace("_", " "): list(check(record)) for check in PROMISES}
    return {promise: faults for promise, faults in found.items() if faults}
