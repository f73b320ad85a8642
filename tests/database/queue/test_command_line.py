"""`atum-desk jobs`, as people and programs run it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from tests import warm
from tests.conftest import REPOSITORY
from tests.database.queue.jobs import enqueue_echo, history, row
from tests.database.queue.test_queries import completed, dead_letter

Jobs = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-m", "helpdesk.cli", "jobs"]
PAYLOAD = '{"bucket_start": "2026-03-03T10:00:00Z"}'


def environment(database_url: str) -> dict[str, str]:
    return os.environ | {"ATUM_DATABASE_URL": database_url, "COLUMNS": "80", "NO_COLOR": ""}


@pytest.fixture
def jobs(database_url: str, organization_id: UUID) -> Jobs:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run("helpdesk.cli", "jobs", *arguments, environment=environment(database_url), timeout=60)

    return run


def read(done: subprocess.CompletedProcess[str]) -> list[dict] | dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_jobs_are_listed_and_shown_with_their_history(
    jobs: Jobs, database: Database, organization_id: UUID, connection: Link
) -> None:
    dead = await dead_letter(database, organization_id, connection, error="no mail host\nand more")
    child = await enqueue_echo(database, organization_id, parent_id=dead)

    lines = jobs("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", str(child), str(dead)]
    assert "no mail host" in lines[2]
    assert "\x1b" not in "".join(lines)
    [found] = read(jobs("list", "--status", "dead_letter", "--error", "MAIL", "--json"))
    assert (found["id"], found["max_tries"]) == (str(dead), 3)
    shown = jobs("show", str(dead)).stdout
    for part in (str(dead), "dead_lettered", "no mail host", str(child)):
        assert part in shown
    told = read(jobs("show", str(dead), "--json"))
    assert [event["event"] for event in told["events"]] == ["enqueued", "started", "dead_lettered"]
    assert [each["id"] for each in told["children"]] == [str(child)]


async def test_dead_letters_are_grouped_and_tried_again(
    jobs: Jobs, database: Database, organization_id: UUID, connection: Link
) -> None:
    dead = [await dead_letter(database, organization_id, connection, error=f"ticket {n} is gone") for n in range(2)]
    other = await dead_letter(database, organization_id, connection, error="no host")

    table = jobs("dead").stdout.splitlines()
    assert table[1].split()[:2] == ["2", "TEST_ECHO"]
    assert table[1].rstrip().endswith(f"{dead[1]}  ticket <n> is gone")
    assert [cause["jobs"] for cause in read(jobs("dead", "--json"))] == [2, 1]
    assert jobs("retry", str(other)).stdout == "1 to be tried again\n"
    assert jobs("retry", str(other)).returncode == 1
    assert read(jobs("retry", "--error", "is gone", "--spread", "60", "--json")) == {"count": 2}
    assert jobs("retry", "--all-dead").stdout == "0 to be tried again\n"
    assert (await history(connection, dead[0]))[-1] == "replayed"


async def test_jobs_are_enqueued_and_cancelled(
    jobs: Jobs, database: Database, organization_id: UUID, connection: Link
) -> None:
    made = read(jobs("enqueue", "METRICS_SNAPSHOT", PAYLOAD, "--priority", "high", "--unique-key", "k", "--json"))
    again = jobs("enqueue", "METRICS_SNAPSHOT", PAYLOAD, "--unique-key", "k")
    waiting = await enqueue_echo(database, organization_id)
    stored = await row(connection, UUID(made["id"]))
    assert (stored["priority"], stored["organization_id"]) == ("high", organization_id)
    assert again.stdout == f"{made['id']}  (was there already)\n"
    assert jobs("cancel", made["id"]).stdout == "1 cancelled\n"
    assert jobs("cancel", made["id"]).returncode == 1
    assert jobs("cancel", "--type", "TEST_ECHO", "--reason", "a mistake").stdout == "1 cancelled\n"
    assert (await row(connection, waiting))["status"] == "cancelled"


async def test_an_operator_sees_and_sets_right_everybodys_jobs(
    jobs: Jobs, database: Database, organization_id: UUID, connection: Link
) -> None:
    foreign = await dead_letter(database, uuid4(), connection)
    assert read(jobs("list", "--json")) == []
    assert [job["id"] for job in read(jobs("list", "--all", "--json"))] == [str(foreign)]
    assert read(jobs("show", str(foreign), "--json"))["id"] == str(foreign)
    assert jobs("retry", "--all-dead", "--all").stdout == "1 to be tried again\n"
    assert (await row(connection, foreign))["status"] == "pending"


async def test_the_figures_are_told(jobs: Jobs, database: Database, organization_id: UUID, connection: Link) -> None:
    await completed(database, organization_id, connection)
    await enqueue_echo(database, organization_id)
    told = jobs("stats").stdout
    assert "TEST_ECHO" in told
    assert "last  5 minutes: 1 completed" in told
    figures = read(jobs("stats", "--json"))
    assert figures["by_type"] == {"TEST_ECHO": {"completed": 1, "pending": 1}}
    assert figures["windows"][0]["completed"] == 1


async def test_types_workers_and_the_schedule_are_shown(jobs: Jobs, connection: Link) -> None:
    types = {each["job_type"]: each for each in read(jobs("types", "--json"))}
    assert types["TRIAGE_TICKET"]["enqueue_role"] == "agent"
    assert types["TRIAGE_TICKET"]["payload"] == ["ticket_id"]
    assert "TRIAGE_TICKET" in jobs("types").stdout
    await connection.fetch(
        "INSERT INTO workers (id, kind, host, pid, state, capacity, version, last_seen) "
        "VALUES ($1, 'job', 'box', 7, 'running', 4, '0', now() - interval '1 day')",
        uuid4(),
    )
    assert jobs("workers").stdout.splitlines()[1].split()[:3] == ["gone", "job", "0/4"]
    assert read(jobs("workers", "--json"))[0]["liveness"] == "gone"
    schedule = {each["name"]: each for each in read(jobs("cron", "--json"))}
    assert schedule["metrics_snapshot"]["job_type"] == "METRICS_SNAPSHOT"
    assert "metrics_snapshot" in jobs("cron").stdout


async def test_types_and_queues_are_paused_and_limited(jobs: Jobs, connection: Link) -> None:
    assert jobs("pause", "SMART_REPLY", "--reason", "too slow").stdout == "SMART_REPLY is paused\n"
    assert read(jobs("pause", "sla", "--json"))["kind"] == "queue"
    paused = [each["job_type"] for each in read(jobs("types", "--json")) if each["paused"]]
    assert {"SMART_REPLY", "SLA_PREDICT"} <= set(paused)
    [pause] = await connection.fetch("SELECT * FROM job_pauses WHERE name = 'SMART_REPLY'")
    assert (pause["kind"], pause["reason"], pause["paused_by"]) == ("type", "too slow", "command line")
    assert jobs("resume", "SMART_REPLY").stdout == "SMART_REPLY is resumed\n"
    assert jobs("resume", "SMART_REPLY").stdout == "SMART_REPLY was not paused\n"
    assert jobs("pause", "NO_SUCH").returncode == 1
    assert jobs("limit", "set", "type:SEND_EMAIL", "3").returncode == 0
    limits = {each["limit_key"]: each["slots"] for each in read(jobs("limit", "list", "--json"))}
    assert limits["type:SEND_EMAIL"] == 3
    assert jobs("limit", "clear", "type:SEND_EMAIL").returncode == 0
    assert jobs("limit", "clear", "type:SEND_EMAIL").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", str(uuid4())), 1),
        (("show", "nonsense"), 2),
        (("cancel", str(uuid4())), 1),
        (("retry",), 2),
        (("retry", str(uuid4()), "--all-dead"), 2),
        (("cancel", "--all-pending", "--type", "X"), 2),
        (("list", "--organization", "nobody"), 1),
        (("list", "--organization", "nobody", "--all"), 2),
        (("enqueue", "METRICS_SNAPSHOT", "{"), 2),
        (("enqueue", "METRICS_SNAPSHOT", "[]"), 2),
        (("enqueue", "METRICS_SNAPSHOT", "{}"), 1),
        (("enqueue", "NO_SUCH_TYPE"), 1),
    ],
)
def test_what_cannot_be_done_is_said_in_the_exit_code(jobs: Jobs, arguments: tuple[str, ...], code: int) -> None:
    done = jobs(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stderr
    assert "Traceback" not in done.stderr


async def test_the_history_is_followed_until_stopped(
    database_url: str, database: Database, organization_id: UUID, jobs: Jobs
) -> None:
    first = await enqueue_echo(database, organization_id)
    once = jobs("tail").stdout.split()
    assert once[1:4] == ["enqueued", str(first), "TEST_ECHO"]
    following = subprocess.Popen(
        [*COMMAND, "tail", "-f", "-n", "0", "--event", "enqueued", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment(database_url),
    )
    assert following.stdout is not None
    try:
        made, line = [], asyncio.create_task(asyncio.to_thread(following.stdout.readline))
        while not line.done():
            made.append(await enqueue_echo(database, organization_id))
            await asyncio.wait({line}, timeout=0.2)
        event = json.loads(line.result())
        following.send_signal(signal.SIGINT)
        _, errors = await asyncio.to_thread(following.communicate, timeout=20)
    finally:
        following.kill()
    assert UUID(event["job_id"]) in made
    assert (event["event"], event["job_type"]) == ("enqueued", "TEST_ECHO")
    assert following.returncode == 0, errors
    assert errors == ""
