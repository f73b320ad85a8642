"""What every job worker does for the queue as a whole; none of it needs a leader."""

from __future__ import annotations

import random
import time
from datetime import timedelta

import structlog

from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.fire import take_tick
from helpdesk.queue.rescue import rescue
from helpdesk.queue.retention import Retention, make_partitions
from helpdesk.queue.schedule_file import ScheduleFile
from helpdesk.queue.table_health import table_health_over
from helpdesk.queue.unknown import dead_letter_unknown
from workers import job_log, job_metrics
from workers.counters import Counters
from workers.horizon import HorizonWatch
from workers.lifecycle import WorkerProcess
from workers.loops import pause
from workers.scheduler import Scheduler

# Shares of the lease time: 20 to 40 of 90 seconds, so that workers do not all look at once.
_RESCUE_FROM, _RESCUE_TO = 2 / 9, 4 / 9
# And 5 of 90 seconds until the first new try.
_RESCUED_WAIT = 1 / 18
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
# Long enough for a worker with a newer version, or with the plug-in, to come back.
_UNKNOWN_FOR = timedelta(hours=24)

log = structlog.get_logger()


async def rescue_forever(process: WorkerProcess, counters: Counters) -> None:
    """Take back the jobs of workers that died or hang."""
    lease = process.settings.lease_timeout_s
    while not process.stopping.is_set():
        for job in await rescue(process.link, lease_timeout_s=lease, first_wait_s=lease * _RESCUED_WAIT):
            counters.rescued += 1
            job_metrics.rescued(job)
            job_log.rescued(job)
        await pause(process.stopping, lease * random.uniform(_RESCUE_FROM, _RESCUE_TO))  # noqa: S311 (jitter)


async def schedule_forever(process: WorkerProcess) -> None:
    """Offer every tick of the schedule."""
    scheduler = Scheduler(process.link, ScheduleFile(process.settings))
    while not process.stopping.is_set():
        await pause(process.stopping, await scheduler.look())


async def maintain_forever(process: WorkerProcess) -> None:
    """Make the coming partitions, look at the table every minute, and set aside what nobody knows every hour.

    All but the partitions is done by one process at a time. What takes longer is the work of jobs; this goes on when
    the queue is stuck, too.
    """
    watch = HorizonWatch(alarm_s=process.settings.transaction_age_alarm_s)
    partitions_at = time.monotonic()
    while not process.stopping.is_set():
        if time.monotonic() >= partitions_at and await make_partitions(process.link):
            partitions_at = time.monotonic() + _HOUR.total_seconds()
        if await take_tick(process.link, "transaction_horizon", every=_MINUTE):
            watch.judge(await table_health_over(process.link))
        if await take_tick(process.link, "unknown_job_types", every=_HOUR):
            await _set_unknown_aside(process)
        await pause(process.stopping, _MINUTE.total_seconds())


async def _set_unknown_aside(process: WorkerProcess) -> None:
    gone = Retention.of(process.settings).worker_gone_s
    while not process.stopping.is_set():
        found = await dead_letter_unknown(process.link, JOB_TYPES, _UNKNOWN_FOR, worker_gone_s=gone)
        for job_type, jobs in found.items():
            log.warning("unknown_jobs_set_aside", job_type=job_type, jobs=jobs)
        if not found:
            return
