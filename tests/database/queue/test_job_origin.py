"""A job keeps the request and the trace it goes back to, and works in them."""

import json
from typing import Any
from uuid import UUID

import structlog

from helpdesk.database.engine import Database
from helpdesk.observability import origin
from helpdesk.observability.origin import Origin
from helpdesk.queue.enqueue import KeyedJob, enqueue, enqueue_many, enqueue_unless_waiting
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Done, Outcome
from helpdesk.queue.requests import JobRequest, accept
from helpdesk.settings import Settings
from tests.database.queue.jobs import Behaviour, Echo, enqueue_echo, row, until, working
from workers.context import WorkerContext

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{TRACE_ID}-b7ad6b7169203331-01"
OTHER = f"00-{'1' * 32}-{'2' * 16}-01"
BEGUN = Origin("request-1", TRACE)


async def test_however_jobs_are_enqueued_they_keep_where_they_come_from(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    own: dict[str, Any] = {"organization_id": organization_id}
    async with database.transaction(organization_id) as session:
        with origin.entered(BEGUN):
            await enqueue(session, Echo(n=1), **own)
            await enqueue_many(session, [Echo(n=1), KeyedJob(Echo(n=1), "a")], **own)
            await enqueue_unless_waiting(session, [KeyedJob(Echo(n=1), "b")], **own)
            await accept(session, [JobRequest(Echo(n=1)), JobRequest(Echo(n=2), trace_parent=OTHER)], **own)
            await enqueue(session, Echo(n=2), trace_parent=OTHER, **own)
        await enqueue(session, Echo(n=3), **own)

    rows = await connection.fetch("SELECT payload ->> 'n' AS n, request_id, trace_parent FROM job_queue ORDER BY n")
    kept = [(row["n"], row["request_id"], row["trace_parent"]) for row in rows]
    assert kept == [*[("1", "request-1", TRACE)] * 5, *[("2", "request-1", OTHER)] * 2, ("3", None, None)]


async def test_a_handler_works_in_its_jobs_origin_and_hands_it_on(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    async def act(args: Echo, context: WorkerContext) -> Outcome:
        bound = structlog.contextvars.get_contextvars()
        more = {}
        if args.n == 1:
            async with context.database.transaction(organization_id) as session:
                more = {"asked_for": str(await enqueue(session, Echo(n=2), organization_id=organization_id))}
        return Done({name: bound.get(name) for name in ("job_id", "request_id", "trace_id")} | more)

    behaviour.act = act
    with origin.entered(BEGUN):
        first = await enqueue_echo(database, organization_id, n=1)
    # One slot: the job after next begins where this one ended, and has nothing of it.
    async with working(settings, behaviour.handlers, capacity=1):
        told = json.loads((await until(connection, first, "completed"))["result"])
        second = UUID(told.pop("asked_for"))
        told_second = json.loads((await until(connection, second, "completed"))["result"])
        plain = [await enqueue_echo(database, organization_id, n=3) for _ in range(3)]
        told_plain = [json.loads((await until(connection, job, "completed"))["result"]) for job in plain]

    assert told == {"job_id": str(first), "request_id": "request-1", "trace_id": TRACE_ID}
    assert told_second == {"job_id": str(second), "request_id": "request-1", "trace_id": TRACE_ID}
    assert told_plain == [{"job_id": str(job), "request_id": None, "trace_id": None} for job in plain]
    kept = await row(connection, second)
    assert (kept["request_id"], kept["trace_parent"]) == ("request-1", TRACE)
