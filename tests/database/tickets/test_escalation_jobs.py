"""Orders of a policy as jobs: each is carried out once, whatever becomes of the workers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import workers.handlers  # noqa: F401 (registers every handler)
from helpdesk.database.engine import Database
from helpdesk.queue.catalog import ApplySlaAction
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.database.queue.jobs import link, row, until, working
from tests.database.tickets.escalating import Scene, scene_of
from tests.journeys.processes import start
from workers.registry import handlers

HOLD = text("SELECT FROM tickets WHERE id = :id FOR UPDATE")


async def until_idle(scene: Scene, job_type: str, *, within_s: float = 15) -> None:
    """Wait until no job of a type waits or runs."""
    live = text("SELECT count(*) FROM job_queue WHERE job_type = :job_type AND status IN ('pending', 'running')")
    async with asyncio.timeout(within_s):
        while True:
            async with scene.database.transaction(scene.organization_id) as session:
                if not await session.scalar(live, {"job_type": job_type}):
                    return
            await asyncio.sleep(0.05)


@pytest.fixture
async def scene(database: Database, organization_id: UUID, settings: Settings) -> Scene:
    return await scene_of(database, organization_id, settings)


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Link]:
    async with link(settings) as connection:
        yield connection


async def queued(scene: Scene, *orders: ApplySlaAction) -> list[UUID]:
    async with scene.database.transaction(scene.organization_id) as session:
        return [await enqueue(session, order, organization_id=scene.organization_id) for order in orders]


async def test_jobs_of_one_level_are_all_carried_out_though_one_gives_the_clock_another_target(
    scene: Scene, connection: Link, settings: Settings
) -> None:
    grace = await scene.user("grace")
    actions: list[dict[str, Any]] = [
        {"do": "raise_priority"},
        {"do": "tag", "tag": "late"},
        {"do": "tag", "tag": "late"},
        {"do": "reassign", "user_id": str(grace)},
    ]
    jobs = await queued(scene, *[await scene.order(action) for action in actions])
    async with working(settings, handlers, types=["APPLY_SLA_ACTION"]):
        done = [await until(connection, job, "completed") for job in jobs]

    ticket = await scene.ticket()
    assert (ticket.priority, ticket.tags, ticket.assignee_id) == ("high", ["late"], grace)
    reasons = sorted(str(json.loads(job["result"])["reason"]) for job in done)
    assert reasons == ["None", "None", "None", "The ticket has the tag 'late' already."]


async def test_a_policy_that_raises_at_every_level_ends_at_urgent_and_tells_each_level_once(
    database: Database, organization_id: UUID, connection: Link, settings: Settings
) -> None:
    step = [{"do": "notify"}, {"do": "raise_priority"}]
    scene = await scene_of(
        database, organization_id, settings, actions={"75": step, "90": step, "100": step}, team="network"
    )
    async with working(settings, handlers, types=["APPLY_SLA_ACTION"]):
        await until_idle(scene, "APPLY_SLA_ACTION")

    assert (await scene.ticket()).priority == "urgent"
    raised = await scene.events("ticket.priority_changed")
    assert [event.data["to"] for event in raised] == ["high", "urgent"]
    # Two clocks, at most three levels each, and three priorities.
    assert len(await scene.jobs("APPLY_SLA_ACTION")) <= 6
    assert len(await scene.jobs("DELIVER_NOTIFICATION")) <= 6


async def test_an_order_nobody_can_read_is_set_aside_and_one_without_its_ticket_is_called_off(
    scene: Scene, connection: Link, settings: Settings
) -> None:
    order = await scene.order({"do": "explode"})
    tag = await scene.order({"do": "tag", "tag": "late"})
    jobs = await queued(scene, order, tag.model_copy(update={"ticket_id": scene.organization_id}))
    async with working(settings, handlers, types=["APPLY_SLA_ACTION"]):
        await until(connection, jobs[0], "dead_letter")
        await until(connection, jobs[1], "cancelled")
    assert (await scene.ticket()).tags == []


async def test_a_step_is_taken_once_though_the_worker_that_took_it_is_killed_before_it_could_say_so(
    scene: Scene, connection: Link, database_url: str, tmp_path: Path
) -> None:
    environment = {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_DATA_DIR": str(tmp_path),
        "ATUM_WORKER_QUEUES": "APPLY_SLA_ACTION",
        "ATUM_LEASE_HEARTBEAT_S": "0.3",
        "ATUM_LEASE_TIMEOUT_S": "2",
        "ATUM_POLL_INTERVAL": "0.1",
    }
    async with scene.database.transaction(scene.organization_id) as session:
        # The job stops in the middle of its transaction, at the ticket that somebody else holds.
        await session.execute(HOLD, {"id": scene.ticket_id})
        (job,) = await queued(scene, await scene.order({"do": "raise_priority"}))
        victim = start("workers", "job", log_file=tmp_path / "victim.log", environment=environment)
        await until(connection, job, "running", within_s=30)
        await asyncio.sleep(0.5)
        victim.process.kill()
        victim.process.wait()
    heir = start("workers", "job", log_file=tmp_path / "heir.log", environment=environment)
    try:
        await until(connection, job, "completed", within_s=30)
    finally:
        assert await heir.stop() == 0, heir.log()
    assert (await row(connection, job))["crash_count"] == 1
    assert (await scene.ticket()).priority == "high"
    assert len(await scene.events("ticket.priority_changed")) == 1
    assert await scene.events("sla.action_skipped") == []
