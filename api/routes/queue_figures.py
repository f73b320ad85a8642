"""The queue as a whole: job types, counts, figures, workers and the schedule."""

from __future__ import annotations

import inspect

from fastapi import APIRouter

from api.dependencies import CurrentUser, Now, ReadSession, ServicesOfApp, needs
from api.schemas.queues import (
    CronView,
    JobMetricsView,
    JobStatsView,
    JobTypeView,
    LagView,
    TableHealthView,
    TimesView,
    TypeFiguresView,
    WindowView,
    WorkerView,
)
from helpdesk.accounts.queries import SignedIn
from helpdesk.accounts.roles import is_at_least
from helpdesk.database.tenancy import enter_scope
from helpdesk.models.values import UserRole
from helpdesk.queue import figures, overview, queries
from helpdesk.queue.args import JobArgs
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.plugins import brought_by
from helpdesk.queue.schedule_file import load_schedule
from helpdesk.queue.schedule_state import schedule_state
from helpdesk.queue.table_health import TableHealth, table_health

router = APIRouter(prefix="/jobs", tags=["jobs"])


@router.get("/types", summary="List job types")
async def list_types(session: ReadSession, _user: CurrentUser) -> list[JobTypeView]:
    """Read what kinds of jobs there are: what they take, how they are treated, and who may enqueue them."""
    paused = {(pause.kind, pause.name) for pause in await queries.list_pauses(session)}
    return [
        _type(args, paused=bool(paused & {("type", name), ("queue", args.queue)}))
        for name, args in sorted(JOB_TYPES.items())
    ]


@router.get("/stats/overview", summary="Count jobs")
async def stats(session: ReadSession, services: ServicesOfApp, user: CurrentUser) -> JobStatsView:
    """Count the organisation's jobs by status, type, queue and priority, and tell how long those due have waited."""
    return JobStatsView.model_validate(await stats_of(session, services, user))


@router.get("/metrics/overview", summary="Read figures of the queue")
async def metrics(session: ReadSession, services: ServicesOfApp, user: CurrentUser) -> JobMetricsView:
    """Read throughput, waits, run times and failures of the last hour, and how far behind each job type is.

    What concerns every organisation, the figures of the workers and the tables, is told to administrators.
    """
    own, now = user.organization_id, user.now
    counts = await stats_of(session, services, user)
    done = await services.overviews.get(
        ("metrics", own), lambda: figures.metrics(session, organization_id=own, now=now)
    )
    told = is_at_least(user.role, UserRole.ADMIN)
    workers, tables = await _machinery(session, services, user) if told else (None, None)
    return JobMetricsView(
        as_of=done.as_of,
        windows=[WindowView.model_validate(window) for window in done.windows],
        times=TimesView.model_validate(done.times),
        by_type=[TypeFiguresView.model_validate(each) for each in done.by_type],
        lags=[LagView.model_validate(lag) for lag in counts.lags],
        oldest_due_s=counts.oldest_due_s,
        workers=workers,
        tables=tables,
    )


@router.get("/workers", summary="List workers", dependencies=[needs(UserRole.ADMIN)])
async def list_workers(session: ReadSession, services: ServicesOfApp, now: Now) -> list[WorkerView]:
    """Read the worker processes, which serve every organisation; takes the role admin."""
    lease = services.settings.lease_timeout_s
    return [
        WorkerView(
            **{name: getattr(worker, name) for name in WorkerView.model_fields if name != "liveness"},
            liveness=queries.liveness(worker.last_seen, now=now, lease_timeout_s=lease),
        )
        for worker in await queries.list_workers(session)
    ]


@router.get("/cron", summary="Read the schedule", dependencies=[needs(UserRole.ADMIN)])
async def list_cron(session: ReadSession, services: ServicesOfApp, now: Now) -> list[CronView]:
    """Read what is enqueued at set times, when it last was and when it will be next; takes the role admin."""
    entries = load_schedule(services.settings)
    return [CronView.model_validate(state) for state in await schedule_state(session, entries, now)]


async def stats_of(session: ReadSession, services: ServicesOfApp, user: SignedIn) -> overview.JobStats:
    """Return the counts of the user's organisation, at most five seconds old."""
    own, now = user.organization_id, user.now
    return await services.overviews.get(("stats", own), lambda: overview.stats(session, organization_id=own, now=now))


async def _machinery(
    session: ReadSession, services: ServicesOfApp, user: SignedIn
) -> tuple[dict[str, float], TableHealthView]:
    """Return what concerns every organisation, at most five seconds old."""
    lease = services.settings.lease_timeout_s

    async def take() -> tuple[dict[str, float], TableHealth]:
        # The workers' role alone sees other sessions; a connection of its own could wait for one that waits for this.
        await enter_scope(session, organization_id=None, role="atum_worker")
        taken = (
            await figures.worker_figures(session, lease_timeout_s=lease, now=user.now),
            await table_health(session),
        )
        await enter_scope(session, organization_id=user.organization_id)
        return taken

    workers, tables = await services.overviews.get("machinery", take)
    return workers, TableHealthView.model_validate(tables)


def _type(args: type[JobArgs], *, paused: bool) -> JobTypeView:
    return JobTypeView(
        job_type=args.job_type,
        description=inspect.getdoc(args) or "",
        queue_name=args.queue,
        priority=args.priority,
        max_retries=args.max_retries,
        timeout_s=args.timeout_s,
        backoff_base_s=args.backoff_base_s,
        backoff_cap_s=args.backoff_cap_s,
        backoff_steps_s=list(args.backoff_steps_s),
        limited_by=args.limited_by,
        slots=None if args.limited_by is None else args.slots,
        enqueue_role=args.enqueue_role,
        plugin=brought_by(args.job_type),
        paused=paused,
        payload_schema=args.model_json_schema(),
    )
