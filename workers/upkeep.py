"""What every job worker does for the queue as a whole; none of it needs a leader."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import structlog

from helpdesk.queue.rescue import rescue
from helpdesk.queue.retention import maintain
from helpdesk.queue.schedule import SCHEDULE, database_now, fire, take_tick, tick_before
from workers.counters import Counters
from workers.lifecycle import WorkerProcess
from workers.loops import pause

# Shares of the lease time: 20 to 40 of 90 seconds, so that workers do not all look at once.
_RESCUE_FROM, _RESCUE_TO = 2 / 9, 4 / 9
# And 5 of 90 seconds until the first new try.
_RESCUED_WAIT = 1 / 18
_SCHEDULE_LOOK_S = 10.0
_MAINTENANCE_EVERY = timedelta(hours=1)
_MAINTENANCE_LOOK_S = 60.0
# A worker that has missed so many leases is not coming back under its old id.
_LEASES_UNTIL_GONE = 10

log = structlog.get_logger()


async def rescue_forever(process: WorkerProcess, counters: Counters) -> None:
    """Take back the jobs of workers that died or hang."""
    lease = process.settings.lease_timeout_s
    while not process.stopping.is_set():
        for job in await rescue(process.link, lease_timeout_s=lease, first_wait_s=lease * _RESCUED_WAIT):
            counters.rescued += 1
            event = "job_dead_lettered" if job.status == "dead_letter" else "job_rescued"
            log.warning(event, job_id=str(job.id), job_type=job.job_type, error=job.last_error, crashes=job.crash_count)
        await pause(process.stopping, lease * random.uniform(_RESCUE_FROM, _RESCUE_TO))  # noqa: S311 (jitter)


async def schedule_forever(process: WorkerProcess) -> None:
    """Offer every tick of the schedule; the first process to do so enqueues its jobs."""
    offered: dict[str, datetime] = {}
    while not process.stopping.is_set():
        now = await database_now(process.link)
        for entry in SCHEDULE:
            tick = tick_before(now, entry.every)
            if offered.get(entry.name) == tick:
                continue
            if jobs := await fire(process.link, entry, tick=tick):
                log.info("schedule_fired", entry=entry.name, tick=tick.isoformat(), jobs=len(jobs))
            offered[entry.name] = tick
        nearest = min(tick_before(now, entry.every) + entry.every for entry in SCHEDULE)
        await pause(process.stopping, min(_SCHEDULE_LOOK_S, max((nearest - now).total_seconds(), 0.05)))


async def maintain_forever(process: WorkerProcess) -> None:
    """Once an hour, in one process: partitions made and dropped, old rows deleted."""
    gone = process.settings.lease_timeout_s * _LEASES_UNTIL_GONE
    while not process.stopping.is_set():
        tick = tick_before(await database_now(process.link), _MAINTENANCE_EVERY)
        if await take_tick(process.link, "maintenance", tick=tick):
            deleted = await maintain(process.link, worker_gone_s=gone)
            log.info("queue_maintained", deleted=deleted)
        await pause(process.stopping, _MAINTENANCE_LOOK_S)
