"""The job worker: serves `job_queue`."""

from __future__ import annotations

import os

import structlog

import workers.handlers  # noqa: F401 (registers every handler)
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.notifications.mail.connections import close_connections
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.claim import HEARTBEAT
from helpdesk.queue.decode import types_served
from helpdesk.queue.plugins import load_handlers
from helpdesk.queue.schedule_file import load_schedule
from helpdesk.settings import Settings
from workers.lifecycle import stop_on_signals, worker_process
from workers.registry import handlers
from workers.runner import Runner

log = structlog.get_logger()


async def run(settings: Settings) -> int:
    """Serve the queue until a signal, and return the exit code.

    Raises:
        UnknownJobType: when `worker_queues` names what is neither a queue nor a job type.
        HandlerMissing: when a job type that is to be served has no handler.
        ScheduleRefused: when the file that edits the schedule cannot be used.
        PluginFailed: when the handlers of a plug-in cannot be loaded.
    """
    load_handlers()
    types = types_served(settings.worker_queues)
    handlers.check(JOB_TYPES if types is None else types)
    load_schedule(settings)
    stopping = stop_on_signals()
    capacity = settings.max_concurrent_jobs
    known = types or sorted(JOB_TYPES)
    async with worker_process(
        settings, kind="job", stopping=stopping, capacity=capacity, types=known, heartbeat_sql=HEARTBEAT
    ) as process:
        models = connect_models(settings, database=process.database)
        runner = Runner(process, handlers=handlers, models=models, capacity=capacity, types=types)
        try:
            await runner.run()
        finally:
            await close_connections()
    if runner.left_running:
        # Their jobs are handed back; waiting for them here would keep the process for ever.
        log.warning("handlers_left_running", handlers=runner.left_running)
        os._exit(runner.exit_code)
    return runner.exit_code
