"""What a handler can do through its context, and what is kept of what it says."""

import asyncio
import json
import threading
import time
from typing import Any, ClassVar
from uuid import UUID

import pytest
import structlog

from helpdesk.database.engine import Database
from helpdesk.queue import queries
from helpdesk.queue.children import children_of
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Completed, Done, LeaseLost, Outcome, Snooze
from helpdesk.settings import Settings
from tests.database.queue.jobs import (
    Behaviour,
    Echo,
    claim_one,
    enqueue_echo,
    history,
    known,
    row,
    until,
    until_event,
    working,
)
from workers.context import WorkerContext
from workers.progress import Progress
from workers.registry import Handlers

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_plain_function_runs_in_a_thread_and_the_loop_goes_on(
    database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any
) -> None:
    def compute(a: int, *, b: int) -> dict[str, Any]:
        assert threading.current_thread() is not threading.main_thread()
        time.sleep(0.3)
        return {"sum": a + b, "job": structlog.contextvars.get_contextvars()["job_id"]}

    async def act(_args: Echo, context: WorkerContext) -> Outcome:
        worst, going = 0.0, asyncio.create_task(context.in_thread(compute, 2, b=3))
        while not going.done():
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            worst = max(worst, time.perf_counter() - began)
        return Done({**await going, "worst": worst})

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    result = json.loads((await until(connection, job, "completed"))["result"])
    assert (result["sum"], result["job"]) == (5, str(job))
    assert result["worst"] < 0.2


@pytest.mark.parametrize("error", [ValueError("bad image"), StopIteration(3)])
async def test_what_a_thread_raises_is_the_jobs_failure(
    database: Database,
    organization_id: UUID,
    connection: Link,
    behaviour: Behaviour,
    worker: Any,
    error: Exception,
) -> None:
    def fail() -> None:
        raise error

    async def act(_args: Echo, context: WorkerContext) -> Outcome:
        await context.in_thread(fail)
        return Done()

    behaviour.act = act
    job = await enqueue_echo(database, organization_id, max_retries=0)
    dead = await until(connection, job, "dead_letter")
    assert ("bad image" if isinstance(error, ValueError) else "StopIteration") in dead["last_error"]


async def test_a_thread_hears_that_nobody_waits_for_it_any_more(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    class Slow(Echo):
        job_type: ClassVar = "TEST_SLOW"
        timeout_s: ClassVar = 1

    handlers, heard = Handlers(), threading.Event()

    def scale(given_up: threading.Event) -> None:
        if given_up.wait(20):
            heard.set()

    @handlers.handles(Slow)
    async def slow(_args: Slow, context: WorkerContext) -> Outcome:
        await context.in_thread(scale, context.given_up)
        return Done()

    with known(Slow):
        async with database.transaction(organization_id) as session:
            job = await enqueue(session, Slow(), organization_id=organization_id)
        async with working(settings, handlers) as (runner, _):
            await until_event(connection, job, "retried")
            assert heard.wait(2)
        assert runner.left_running == 0


async def test_progress_never_goes_back_and_is_stored_once_a_second_at_most(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await enqueue_echo(database, organization_id)
    job = await claim_one(connection)
    told: list[Any] = []
    held = True

    async def report(_job: object, progress: Any) -> bool:
        told.append(dict(progress))
        return held

    progress = Progress(job, report)
    for percent in (10, 20, 30):
        await progress.tell(percent)
    assert told == [{"percent": 10, "message": ""}]
    progress._told = time.monotonic() - 2
    await progress.tell(5, "again " * 200)
    assert (told[1]["percent"], len(told[1]["message"])) == (30, 500)
    await progress.tell(250, "done")
    await progress.tell(100, "done")
    assert told[2:] == [{"percent": 100, "message": "done"}]
    held, progress._told = False, None
    with pytest.raises(LeaseLost):
        await progress.tell(100)


@pytest.mark.parametrize("inside", [False, True])
async def test_a_result_of_more_than_64_kb_is_refused_and_says_so(
    database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any, inside: bool
) -> None:
    async def act(args: Echo, context: WorkerContext) -> Outcome:
        result = {"text": "x" * (65_500 if args.n == 0 else 65_530)}
        if not inside:
            return Done(result)
        async with context.database.transaction(organization_id) as session:
            await context.complete_in(session, result=result)
        return Completed()

    behaviour.act = act
    fits, too_large = [await enqueue_echo(database, organization_id, n=n) for n in range(2)]
    assert len((await until(connection, fits, "completed"))["result"]) > 65_500
    dead = await until(connection, too_large, "dead_letter")
    assert "The result has 65542 bytes, and a job keeps at most 65536." in dead["last_error"]
    assert behaviour.seen == [0, 1]


async def test_no_secret_of_an_error_is_kept_or_logged(
    database: Database,
    organization_id: UUID,
    connection: Link,
    behaviour: Behaviour,
    worker: Any,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        raise RuntimeError("login failed for ada@example.com with password=hunter2secret" + "!" * 5000)

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    await until_event(connection, job, "retried")
    events = await connection.fetch("SELECT detail FROM job_events WHERE job_id = $1 AND event = 'retried'", job)
    kept = (await row(connection, job))["last_error"]
    assert kept.startswith("RuntimeError: login failed for [email] with password=[secret]")
    assert len(kept.encode()) <= 4096
    assert events[0]["detail"] == kept
    logged = capsys.readouterr().out + caplog.text
    assert "job_retried" in logged
    assert "RuntimeError" in logged
    assert "hunter2" not in logged
    assert "ada@" not in logged


async def test_a_job_asks_for_others_and_waits_for_them_without_keeping_a_slot(
    database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any
) -> None:
    async def act(args: Echo, context: WorkerContext) -> Outcome:
        if args.n > 0:
            return Done({"trace": structlog.contextvars.get_contextvars()["trace_id"]})
        async with context.database.transaction(organization_id) as session:
            children = await context.children(session)
            if children.total == 0:
                for n in (1, 2):
                    await context.enqueue_child(session, Echo(n=n))
            elif children.ended:
                return Done({"succeeded": children.succeeded})
        return Snooze(0.1, "waits for its children")

    behaviour.act = act
    async with database.transaction(organization_id) as session:
        parent = await enqueue(session, Echo(n=0), organization_id=organization_id, trace_parent=TRACE)
    done = await until(connection, parent, "completed")
    assert done["result"] == '{"succeeded": true}'
    assert (done["attempts"], done["retry_count"]) == (1, 0)
    assert "snoozed" in await history(connection, parent)
    async with database.transaction(organization_id) as session:
        children = (await queries.get_job(session, organization_id=organization_id, job_id=parent)).children
        assert [(child.payload["n"], child.trace_parent) for child in children] == [(1, TRACE), (2, TRACE)]
        assert children[0].result == {"trace": TRACE.split("-")[1]}
        counted = await children_of(session, organization_id=organization_id, parent_id=parent)
    assert (dict(counted.by_status), counted.succeeded) == ({"completed": 2}, True)
