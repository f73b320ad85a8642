"""`atum-desk jobs pause|resume|workers|cron|types`: what every organisation's jobs have in common."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, ago, first_line, plain, print_json, print_table
from helpdesk.cli.jobs.scope import transaction
from helpdesk.database.engine import Database, transaction_time
from helpdesk.models.jobs import Worker
from helpdesk.queue import commands, queries
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.plugins import brought_by
from helpdesk.queue.queues import Kind, check_known
from helpdesk.queue.schedule_file import load_schedule
from helpdesk.queue.schedule_state import schedule_state

Name = Annotated[str, typer.Argument(help="A job type, or a queue.", metavar="NAME")]


def pause(
    name: Name,
    *,
    reason: Annotated[str | None, typer.Option(help="Shown to whoever asks why.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let no worker take jobs of a type or a queue.

    Those of every organisation wait until it is resumed; running ones go on.
    """
    kind = _kind(name)

    async def work(database: Database) -> None:
        async with database.transaction(None) as session:
            await commands.pause(session, kind=kind, name=name, by="command line", reason=reason)

    run(work)
    _tell(kind, name, paused=True, changed=True, as_json=as_json)


def resume(name: Name, *, as_json: AsJson = False) -> None:
    """Let workers take jobs of a type or a queue again."""
    kind = _kind(name)

    async def work(database: Database) -> bool:
        async with database.transaction(None) as session:
            return await commands.resume(session, kind=kind, name=name)

    _tell(kind, name, paused=False, changed=run(work), as_json=as_json)


def workers(*, as_json: AsJson = False) -> None:
    """List the worker processes, and whether they still live."""

    async def work(database: Database) -> None:
        async with transaction(database, None) as session:
            now = await transaction_time(session)
            found = await queries.list_workers(session)
        lease = database.settings.lease_timeout_s

        def alive(worker: Worker) -> str:
            return queries.liveness(worker.last_seen, now=now, lease_timeout_s=lease)

        if as_json:
            print_json([plain(worker) | {"liveness": alive(worker)} for worker in found])
            return
        print_table(
            (
                [
                    alive(each),
                    each.kind,
                    f"{each.running}/{each.capacity}",
                    ago(each.last_seen, now),
                    each.pid,
                    each.host,
                    ", ".join(each.types) or "everything",
                ]
                for each in found
            ),
            *("LIVES", "KIND", "RUNS", "SEEN", "PID", "HOST", "SERVES"),
            whole=("LIVES", "KIND", "RUNS", "SEEN", "PID"),
        )

    run(work)


def cron(*, as_json: AsJson = False) -> None:
    """Show what is enqueued at set times.

    With when it last was and when it will be next.
    """

    async def work(database: Database) -> None:
        async with transaction(database, None) as session:
            now = await transaction_time(session)
            states = await schedule_state(session, load_schedule(database.settings), now)
        if as_json:
            print_json(states)
            return
        print_table(
            (
                [
                    each.name,
                    each.cron,
                    each.zone,
                    ago(each.last_tick, now),
                    ago(each.next_tick, now) if each.enabled else "off",
                    each.job_type,
                ]
                for each in states
            ),
            *("NAME", "CRON", "ZONE", "LAST", "NEXT", "TYPE"),
            whole=("CRON", "LAST", "NEXT"),
        )

    run(work)


def types(*, as_json: AsJson = False) -> None:
    """List the job types.

    With their queue, how they are tried, and who may enqueue them over the API.
    """

    async def work(database: Database) -> set[tuple[str, str]]:
        async with database.transaction(None) as session:
            return {(pause.kind, pause.name) for pause in await queries.list_pauses(session)}

    paused = run(work)
    found: list[dict[str, Any]] = [
        {
            "job_type": name,
            "queue_name": args.queue,
            "priority": args.priority,
            "max_retries": args.max_retries,
            "timeout_s": args.timeout_s,
            "limited_by": args.limited_by,
            "enqueue_role": args.enqueue_role,
            "plugin": brought_by(name),
            "paused": bool(paused & {("type", name), ("queue", args.queue)}),
            "description": first_line(args.__doc__),
            "payload": list(args.model_fields),
        }
        for name, args in sorted(JOB_TYPES.items())
    ]
    if as_json:
        print_json(found)
        return
    print_table(
        (
            [
                each["job_type"],
                each["queue_name"],
                each["priority"],
                each["max_retries"],
                each["timeout_s"],
                each["enqueue_role"] or "the product",
                "paused" if each["paused"] else "",
                ", ".join(each["payload"]),
            ]
            for each in found
        ),
        *("TYPE", "QUEUE", "PRIORITY", "RETRIES", "TIMEOUT", "ENQUEUED BY", "", "TAKES"),
        whole=("TYPE",),
    )


def _kind(name: str) -> Kind:
    if name in JOB_TYPES:
        return "type"
    check_known("queue", name)
    return "queue"


def _tell(kind: Kind, name: str, *, paused: bool, changed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"kind": kind, "name": name, "paused": paused, "changed": changed})
    elif paused:
        print(f"{name} is paused")
    else:
        print(f"{name} is resumed" if changed else f"{name} was not paused")
