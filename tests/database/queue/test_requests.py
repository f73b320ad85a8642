"""Jobs that are asked for with wishes of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.models.values import JobPriority
from helpdesk.queue.link import Link
from helpdesk.queue.requests import Accepted, JobRequest, accept
from tests.database.queue.jobs import Echo, claim_one, enqueue_echo, history, known, row


class Narrow(Echo):
    """A job for tests, few of which run at a time."""

    job_type = "TEST_NARROW"
    limited_by = "tenant"


async def ask(database: Database, organization_id: UUID, *requests: JobRequest) -> list[Accepted]:
    async with database.transaction(organization_id) as session:
        return await accept(session, requests, organization_id=organization_id)


async def test_each_job_has_the_wishes_it_came_with(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    asked = [
        JobRequest(Echo(n=1)),
        JobRequest(Echo(n=2), priority=JobPriority.HIGH, run_after=later, max_retries=9, trace_parent="00-a-b-01"),
        JobRequest(Narrow(n=3), delay_s=60, unique_key="k"),
    ]
    with known(Narrow):
        accepted = await ask(database, organization_id, *asked)
    plain, wishes, narrow = [await row(connection, each.id) for each in accepted]

    assert all(each.is_new for each in accepted)
    assert (plain["payload"], plain["priority"], plain["max_retries"], plain["timeout_s"]) == (
        '{"n": 1}',
        "normal",
        2,
        30,
    )
    assert (wishes["priority"], wishes["run_after"], wishes["max_retries"]) == ("high", later, 9)
    assert wishes["trace_parent"] == "00-a-b-01"
    assert narrow["limit_key"] == f"tenant:TEST_NARROW:{organization_id}"
    assert narrow["run_after"] - narrow["created_at"] == timedelta(seconds=60)
    assert await history(connection, narrow["id"]) == ["enqueued"]


async def test_a_key_that_a_live_job_has_makes_no_second_job(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    standing = await enqueue_echo(database, organization_id, unique_key="there")
    request, other = JobRequest(Echo(), unique_key="there"), JobRequest(Echo(), unique_key="new")

    first = await ask(database, organization_id, request, other, other, JobRequest(Echo()))

    assert first[0] == Accepted(standing, is_new=False)
    assert first[1].is_new
    assert first[2] == Accepted(first[1].id, is_new=False)
    assert first[3].is_new
    assert len(await connection.fetch("SELECT FROM job_queue")) == 3
    await claim_one(connection)
    assert (await ask(database, organization_id, request))[0] == Accepted(standing, is_new=False)


async def test_none_is_enqueued_when_the_transaction_fails(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction(organization_id) as session:
            await accept(session, [JobRequest(Echo())] * 1000, organization_id=organization_id)
            raise RuntimeError
    assert await connection.fetch("SELECT FROM job_queue") == []
