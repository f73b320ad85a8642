"""Whatever happens to jobs in whatever order, each row and its history are what a model without a database says."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.errors import Conflict
from helpdesk.models.accounts import Organization
from helpdesk.queue import commands, settle
from helpdesk.queue.args import JobArgs
from helpdesk.queue.claim import JobInHand, claim, claim_by_tenant, renew
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.last_chance import take, waiting
from helpdesk.queue.limits import LimitedTurns, claim_limited, waiting_keys
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import LeaseLost
from helpdesk.queue.rescue import rescue
from helpdesk.settings import Settings
from tests.database.queue.jobs import known
from tests.database.queue.model import Hand, ModelJob

EXAMPLES = int(os.environ.get("CHAOS_EXAMPLES", "40"))
STEPS = int(os.environ.get("CHAOS_STEPS", "50"))

Result = TypeVar("Result")

_LEASE_S = 90.0
_TIMEOUT_S = 30
_ROWS = """
SELECT id, status, lease, attempts, retry_count, crash_count, locked_by, locked_at, limit_key, limit_slot, unique_key,
       finished_at, cancel_requested_at IS NOT NULL AS cancel_asked
  FROM job_queue
"""
_HISTORY = "SELECT job_id, event FROM job_events ORDER BY id"


class Walk(JobArgs):
    """A job that nothing limits."""

    job_type: ClassVar = "TEST_WALK"
    queue: ClassVar = "tests"
    timeout_s: ClassVar = _TIMEOUT_S


class Held(JobArgs):
    """A job of which two run at a time."""

    job_type: ClassVar = "TEST_HELD"
    queue: ClassVar = "tests"
    timeout_s: ClassVar = _TIMEOUT_S
    limited_by: ClassVar = "type"
    slots: ClassVar = 2


class Queue:
    """One queue of one organisation, and an event loop to ask it things in, for many examples."""

    def __init__(self, settings: Settings) -> None:
        self._runner = asyncio.Runner()
        self.settings = settings
        self.organization_id = new_id()
        self.database = self.run(self._open())
        self.link = Link(settings, application="test")
        self.owner = self.run(self.database.connect_raw(role="atum_owner"))

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    async def _open(self) -> Database:
        database = Database(self.settings, application="test")
        async with database.transaction(self.organization_id) as session:
            session.add(Organization(id=self.organization_id, slug="walk", name="Walk"))
        return database

    def empty(self) -> None:
        self.run(self.owner.execute("TRUNCATE job_queue, job_events, job_pauses"))

    def move(self, change: str, jobs: list[UUID]) -> None:
        """Move the times of jobs instead of waiting."""
        self.run(self.link.fetch(f"UPDATE job_queue SET {change} WHERE id = ANY ($1::uuid[])", jobs))

    def close(self) -> None:
        self.run(self.owner.close())
        self.run(self.link.close())
        self.run(self.database.close())
        self._runner.close()


class JobsMachine(RuleBasedStateMachine):
    """Operations on a queue beside the same operations on the model."""

    queue: ClassVar[Queue]

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[UUID, ModelJob] = {}
        self.workers = [new_id() for _ in range(3)]
        # Every claim there ever was: a worker that lost its lease may speak at any time.
        self.hands: list[JobInHand] = []
        self.leases_seen: Counter[UUID] = Counter()
        self.paused: set[type[JobArgs]] = set()
        self.queue.empty()

    # --- asking for work

    @initialize()
    def begin(self) -> None:
        for kind in (Walk, Walk, Held, Held, Held):
            self.enqueue(kind, None, delayed=False, max_retries=1)

    @rule(
        kind=st.sampled_from([Walk, Held]),
        key=st.sampled_from([None, None, "a", "b"]),
        delayed=st.booleans(),
        max_retries=st.integers(0, 2),
    )
    def enqueue(self, kind: type[JobArgs], key: str | None, delayed: bool, max_retries: int) -> None:
        run_after = datetime.now(UTC) + timedelta(hours=1) if delayed else None

        async def ask() -> UUID:
            async with self.queue.database.transaction(self.queue.organization_id) as session:
                return await enqueue(
                    session,
                    kind(),
                    organization_id=self.queue.organization_id,
                    run_after=run_after,
                    unique_key=key,
                    max_retries=max_retries,
                )

        job = self.queue.run(ask())
        standing = [
            known.id
            for known in self.jobs.values()
            if key and (known.job_type, known.unique_key) == (kind.job_type, key) and known.live
        ]
        if standing:
            assert job == standing[0]
        else:
            assert job not in self.jobs
            self.jobs[job] = ModelJob(job, kind.job_type, key, max_retries, due=not delayed)

    @rule()
    def let_time_pass(self) -> None:
        self.queue.move("run_after = now() - interval '1 s'", [job.id for job in self.jobs.values() if not job.due])
        for job in self.jobs.values():
            job.due = True

    # --- taking it

    @rule(worker=st.integers(0, 2), limit=st.integers(1, 3), by_tenant=st.booleans())
    def claim(self, worker: int, limit: int, by_tenant: bool) -> None:
        me = self.workers[worker]
        if by_tenant:
            after = UUID(int=0)
            taken = self.queue.run(claim_by_tenant(self.queue.link, worker_id=me, limit=limit, after=after)).jobs
        else:
            taken = self.queue.run(claim(self.queue.link, worker_id=me, limit=limit))
        may_be_taken = self._waiting(Walk, alone=False)
        assert {hand.id for hand in taken} <= may_be_taken
        assert len(taken) == min(limit, len(may_be_taken))
        self._started(taken, me)

    @rule(worker=st.integers(0, 2), limit=st.integers(1, 3), by_tenant=st.booleans())
    def claim_limited(self, worker: int, limit: int, by_tenant: bool) -> None:
        me, turns = self.workers[worker], LimitedTurns(by_tenant=by_tenant)

        async def look_and_claim() -> list[JobInHand]:
            keys = await waiting_keys(self.queue.link, turns=turns)
            return (await claim_limited(self.queue.link, worker_id=me, limit=limit, keys=keys, turns=turns)).jobs

        may_be_taken, free = self._waiting(Held, alone=False), Held.slots - len(self._running(Held))
        taken = self.queue.run(look_and_claim())
        assert {hand.id for hand in taken} <= may_be_taken
        assert len(taken) == min(limit, free, len(may_be_taken))
        self._started(taken, me)

    @rule(worker=st.integers(0, 2))
    def claim_last_chance(self, worker: int) -> None:
        me = self.workers[worker]
        job = self.queue.run(waiting(self.queue.link))
        may_be_taken = self._waiting(Walk, alone=True) | self._waiting(Held, alone=True)
        if job is None:
            assert not may_be_taken
            return
        assert job.id in may_be_taken
        no_slot = job.limit_key is not None and len(self._running(Held)) >= Held.slots
        hand = self.queue.run(take(self.queue.link, job, worker_id=me))
        assert (hand is None) == no_slot
        self._started([hand] if hand else [], me)

    def _waiting(self, kind: type[JobArgs], *, alone: bool) -> set[UUID]:
        """Return the jobs of a type that a claim may take."""
        if kind in self.paused:
            return set()
        return {job.id for job in self.jobs.values() if job.job_type == kind.job_type and job.waits(alone=alone)}

    def _running(self, kind: type[JobArgs]) -> list[ModelJob]:
        return [job for job in self.jobs.values() if job.job_type == kind.job_type and job.status == "running"]

    def _started(self, hands: list[JobInHand], worker: UUID) -> None:
        for hand in hands:
            job = self.jobs[hand.id]
            assert Hand(hand.id, hand.locked_by, hand.lease) == job.start(worker)
            assert hand.attempt == job.attempts
        self.hands += hands

    # --- keeping it, or losing it

    @rule(worker=st.integers(0, 2))
    def heartbeat(self, worker: int) -> None:
        """Renew every lease the worker remembers, the newest of each job."""
        me = self.workers[worker]
        leases = {hand.id: hand.lease for hand in self.hands if hand.locked_by == me}
        kept = self.queue.run(renew(self.queue.link, worker_id=me, leases=leases))
        mine = [self.jobs[job] for job, lease in leases.items() if self.jobs[job].held_by(Hand(job, me, lease))]
        assert kept == {job.id: job.cancel_asked for job in mine}
        for job in mine:
            job.silent = False

    @rule(worker=st.integers(0, 2))
    def fall_silent(self, worker: int) -> None:
        """A worker dies, or loses the database: it may still speak later."""
        jobs = [job for job in self.jobs.values() if job.worker == self.workers[worker]]
        self.queue.move("locked_at = locked_at - interval '1 hour'", [job.id for job in jobs])
        for job in jobs:
            job.silent = True

    @rule(data=st.data())
    def hang(self, data: st.DataObject) -> None:
        if running := [job for job in self.jobs.values() if job.status == "running"]:
            job = data.draw(st.sampled_from(running))
            self.queue.move("started_at = started_at - interval '1 hour'", [job.id])
            job.overdue = True

    @rule()
    def rescue(self) -> None:
        rescued = self.queue.run(rescue(self.queue.link, lease_timeout_s=_LEASE_S))
        lost = [job for job in self.jobs.values() if job.status == "running" and (job.silent or job.overdue)]
        assert {job.id for job in rescued} == {job.id for job in lost}
        for job in lost:
            job.rescue()

    @rule(worker=st.integers(0, 2))
    def die_and_be_rescued_from(self, worker: int) -> None:
        self.fall_silent(worker)
        self.rescue()
        self.let_time_pass()

    @rule(worker=st.integers(0, 2), remembers=st.booleans())
    def release_orphans(self, worker: int, remembers: bool) -> None:
        me = self.workers[worker]
        held = {hand.id for hand in self.hands if remembers and hand.locked_by == me}
        count = self.queue.run(settle.release_orphans(self.queue.link, worker_id=me, held=held))
        orphans = [job for job in self.jobs.values() if job.worker == me and job.id not in held]
        assert count == len(orphans)
        for job in orphans:
            job.hand_back(event="released", later=False)

    # --- saying how it ended: the worker that holds the job does, or one that has lost it

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), store=st.booleans())
    def complete(self, data: st.DataObject, store: bool) -> None:
        hand = self._hand(data)
        results = {hand.id: {"n": 1}} if store else None
        done = self.queue.run(settle.complete(self.queue.link, worker_id=hand.locked_by, jobs=[hand], results=results))
        self._settled(hand, bool(done), lambda job: job.complete())

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), commit=st.booleans())
    def complete_in_a_transaction(self, data: st.DataObject, commit: bool) -> None:
        hand = self._hand(data)

        class TakenBackError(Exception):
            pass

        async def work() -> bool:
            try:
                async with self.queue.database.transaction(self.queue.organization_id) as session:
                    await settle.complete_in(session, hand)
                    if not commit:
                        raise TakenBackError
            except LeaseLost:
                return False
            except TakenBackError:
                return True
            return True

        held = self.queue.run(work())
        self._settled(hand, held, lambda job: job.complete() if commit else None)

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), fatal=st.booleans())
    def fail(self, data: st.DataObject, fatal: bool) -> None:
        hand = self._hand(data)
        failed = self.queue.run(settle.fail(self.queue.link, job=hand, error="no", delay_s=3600, fatal=fatal))
        self._settled(hand, failed is not None, lambda job: job.fail(fatal=fatal))
        assert failed is None or failed.status == self.jobs[hand.id].status

    @precondition(lambda self: self.hands)
    @rule(data=st.data(), how=st.sampled_from([("released", 0.0), ("snoozed", 3600.0)]))
    def hand_back(self, data: st.DataObject, how: tuple[str, float]) -> None:
        hand, (event, after_s) = self._hand(data), how
        back = self.queue.run(
            settle.hand_back(self.queue.link, worker_id=hand.locked_by, jobs=[hand], event=event, after_s=after_s)
        )
        self._settled(hand, bool(back), lambda job: job.hand_back(event=event, later=after_s > 0))

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        hand = self._hand(data)
        held = self.queue.run(settle.cancel(self.queue.link, job=hand, reason="not wanted"))
        self._settled(hand, held, lambda job: job.cancel_by_worker())

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def report_progress(self, data: st.DataObject) -> None:
        hand = self._hand(data)
        held = self.queue.run(settle.report_progress(self.queue.link, job=hand, progress={"done": 1}))
        self._settled(hand, held, lambda _job: None)

    def _hand(self, data: st.DataObject) -> JobInHand:
        """Return a claim: of a job that is still held, or just any, most of which are lost by now."""
        held = [hand for hand in self.hands if self.jobs[hand.id].held_by(Hand(hand.id, hand.locked_by, hand.lease))]
        return data.draw(st.sampled_from(held if held and data.draw(st.booleans()) else self.hands))

    def _settled(self, hand: JobInHand, heard: bool, change: Callable[[ModelJob], None]) -> None:
        job = self.jobs[hand.id]
        assert heard == job.held_by(Hand(hand.id, hand.locked_by, hand.lease))
        if heard:
            change(job)

    # --- what people do

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def ask_to_cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(list(self.jobs.values())))
        if self._person(commands.cancel, job):
            assert job.live
            job.ask_to_cancel()
        else:
            assert not job.live

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        over = [job for job in self.jobs.values() if job.status in ("dead_letter", "cancelled")]
        job = data.draw(st.sampled_from(over if over and data.draw(st.booleans()) else list(self.jobs.values())))
        rival = any(
            other.live and (other.job_type, other.unique_key) == (job.job_type, job.unique_key)
            for other in self.jobs.values()
            if job.unique_key
        )
        may = job.status in ("dead_letter", "cancelled") and not rival
        assert self._person(commands.replay, job) == may
        if may:
            job.replay()

    def _person(self, command: Callable[..., Coroutine[Any, Any, object]], job: ModelJob) -> bool:
        """Give a command about a job; return whether it was obeyed."""

        async def act() -> bool:
            try:
                async with self.queue.database.transaction(self.queue.organization_id) as session:
                    await command(session, organization_id=self.queue.organization_id, job_id=job.id)
            except Conflict:
                return False
            return True

        return self.queue.run(act())

    @rule(kind=st.sampled_from([Walk, Held]), paused=st.booleans())
    def pause_or_resume(self, kind: type[JobArgs], paused: bool) -> None:
        async def act() -> None:
            async with self.queue.database.transaction(None) as session:
                if paused:
                    await commands.pause(session, kind="type", name=kind.job_type, by="test", reason=None)
                else:
                    await commands.resume(session, kind="type", name=kind.job_type)

        self.queue.run(act())
        self.paused = self.paused | {kind} if paused else self.paused - {kind}

    # --- what must be true at any moment

    @invariant()
    def rows_are_what_the_model_says(self) -> None:
        rows = {row["id"]: row for row in self.queue.run(self.queue.link.fetch(_ROWS))}
        assert rows.keys() == self.jobs.keys()
        for job in self.jobs.values():
            row = rows[job.id]
            for name in ("status", "lease", "attempts", "retry_count", "crash_count", "unique_key", "cancel_asked"):
                assert row[name] == getattr(job, name), (name, row[name], job)
            assert row["locked_by"] == job.worker
            assert (row["locked_at"] is None) == (job.status != "running")
            assert (row["finished_at"] is None) == job.live
            assert row["lease"] >= self.leases_seen[job.id]
            self.leases_seen[job.id] = row["lease"]

    @invariant()
    def histories_are_what_the_model_says(self) -> None:
        histories: dict[UUID, list[str]] = {}
        for row in self.queue.run(self.queue.link.fetch(_HISTORY)):
            histories.setdefault(row["job_id"], []).append(row["event"])
        assert histories == {job.id: job.history for job in self.jobs.values()}

    @invariant()
    def one_job_at_most_lives_under_a_key(self) -> None:
        live = Counter((job.job_type, job.unique_key) for job in self.jobs.values() if job.unique_key and job.live)
        assert not live or max(live.values()) == 1

    @invariant()
    def a_running_job_of_a_limit_has_a_slot_of_its_own_and_no_other_has_one(self) -> None:
        slots = {row["id"]: row["limit_slot"] for row in self.queue.run(self.queue.link.fetch(_ROWS))}
        running = {job.id for job in self._running(Held)}
        assert sorted(slots[job] for job in running) == sorted({slots[job] for job in running})
        assert all(slots[job] in range(1, Held.slots + 1) for job in running)
        assert {job for job, slot in slots.items() if slot is not None} == running


@pytest.fixture
def queue(settings: Settings) -> Iterator[Queue]:
    with known(Walk, Held):
        queue = Queue(settings)
        yield queue
        queue.close()


def test_jobs_do_what_the_model_does(queue: Queue) -> None:
    JobsMachine.queue = queue
    bounds = hypothesis_settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_machine(JobsMachine, settings=bounds)
