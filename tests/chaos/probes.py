"""Strikes that measure as they go: single jobs in a flood, wake-ups after a cut listener, ticks of many schedulers."""

from __future__ import annotations

import asyncio
import random
import time
from uuid import UUID

from tests.chaos.ground import Ground
from tests.chaos.job_types import Flood, Plain
from tests.chaos.scene import Prepare, Scene, Strike
from tests.chaos.strikes import cut_listeners

# The most batches that one worker claimed between the moment the job was there for all to see and its own claim. Every
# second claim goes round the organisations, $3 in number. One with room for fewer jobs goes on next time where it
# stopped, so that twice as many of these as there are organisations have gone round.
_WAITED = """
WITH start AS (SELECT min(created_at) AS at FROM job_events WHERE job_id = $1 AND event = 'started')
SELECT extract(epoch FROM start.at)::float8 - $2::float8 AS seconds,
       (SELECT coalesce(max(batches), 0) FROM (
            SELECT count(*) FILTER (WHERE jobs >= $3::int) + count(*) FILTER (WHERE jobs < $3::int) / (2 * $3::int)
                   AS batches
              FROM (SELECT worker, created_at, count(*) AS jobs FROM job_events
                     WHERE event = 'started' AND created_at > to_timestamp($2::float8) AND created_at < start.at
                     GROUP BY worker, created_at) AS claim
             GROUP BY worker) AS by_worker) AS batches
  FROM start WHERE start.at IS NOT NULL
"""
_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8 AS wall"
_FLOOD_LEFT = """
SELECT count(*) AS jobs FROM job_queue
 WHERE job_type = 'CHAOS_FLOOD' AND status = 'pending' AND payload ->> 'fault' = $1
"""
_TICKING = """
[chaos_tick]
cron = "* * * * *"
job_type = "CHAOS_TICK"
missed = "all"
most = {most}
payload = {{ fault = "ticks" }}
"""
_MISSED = """
INSERT INTO cron_ticks (name, tick_at)
VALUES ('chaos_tick', date_trunc('minute', now()) - make_interval(mins => $1::int))
"""
_FLOOD_BATCH = 1000
_PROBE_EVERY = 2000
_PROBE_WITHIN_S = 60.0


def flood(count: int) -> Strike:
    """Return a strike: one organisation enqueues so many jobs, another single ones among them, whose wait is taken."""

    async def strike(scene: Scene) -> None:
        fault = scene.asker.ledger.fault
        many, few = scene.ground.organizations[:2]
        for start in range(0, count, _FLOOD_BATCH):
            jobs = [Flood(fault=fault)] * min(_FLOOD_BATCH, count - start)
            await scene.asker.flood(jobs, organization_id=many)
            if start % _PROBE_EVERY == 0:
                await _probe(scene, few)
        scene.struck = count
        while (await scene.ground.fetch(_FLOOD_LEFT, fault))[0]["jobs"] > count / 10:
            await _probe(scene, few)
            await asyncio.sleep(0.2)

    return strike


async def cut_listeners_and_probe(scene: Scene) -> None:
    """Cut the listeners, and see that a job is still taken up at a wake-up, long before the next poll."""
    cutting = asyncio.create_task(cut_listeners(scene))
    try:
        await asyncio.sleep(scene.fault.seconds)
    finally:
        cutting.cancel()
    # What the worker gets to notice and to connect again.
    await asyncio.sleep(3)
    for _ in range(4):
        await _probe(scene, scene.ground.organizations[0])
        await asyncio.sleep(0.3)


def miss_ticks(ticks: int) -> Prepare:
    """Return what leaves a schedule behind by so many ticks."""

    async def prepare(ground: Ground) -> None:
        ground.schedule.write_text(ground.schedule.read_text() + _TICKING.format(most=ticks + 10))
        await ground.fetch(_MISSED, ticks)

    return prepare


def tick_and_kill(ticks: int) -> Strike:
    """Return a strike: all workers make up for so many ticks at once, at which some of them are killed."""

    async def strike(scene: Scene) -> None:
        scene.figures["missed_ticks"] = ticks
        for member in random.sample(scene.crew.members, len(scene.crew.members) // 3):
            await asyncio.sleep(scene.fault.seconds / len(scene.crew.members))
            scene.crew.kill(member)
            scene.struck += 1

    return strike


async def _probe(scene: Scene, organization_id: UUID) -> None:
    """Enqueue one job and keep the longest wait of all, in seconds and in other jobs' batches."""
    (job,) = await scene.asker.ask([Plain(fault=scene.asker.ledger.fault)], organization_id=organization_id)
    visible = (await scene.ground.fetch(_CLOCK))[0]["wall"]
    deadline = time.monotonic() + _PROBE_WITHIN_S
    asked = (job, visible, len(scene.ground.organizations))
    while not (waited := await scene.ground.fetch(_WAITED, *asked)) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    seconds, batches = (max(waited[0]["seconds"], 0.0), waited[0]["batches"]) if waited else (_PROBE_WITHIN_S, 9999)
    figures = scene.figures
    figures["probes"] = figures.get("probes", 0) + 1
    figures["longest_wait_s"] = max(seconds, figures.get("longest_wait_s", 0))
    figures["most_batches"] = max(batches, figures.get("most_batches", 0))
