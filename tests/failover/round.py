"""One failover: processes under load, the primary killed, the standby promoted, and what is left counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from helpdesk.accounts.commands import create_organization, create_user, issue_token
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database, connect_raw
from helpdesk.models.values import UserRole
from helpdesk.settings import Settings
from tests.failover.job_types import EFFECTS
from tests.failover.load import Load, load_on
from tests.failover.pair import Pair
from tests.journeys.processes import Running, start
from tests.waiting import eventually

PLUGIN = "tests.failover.job_types"
_WORKERS = ("job", "job", "sla")
_UNSETTLED = "SELECT count(*) FROM job_queue WHERE job_type = 'FAILOVER_EFFECT' AND status IN ('pending', 'running')"
_EFFECTS = "SELECT array_agg(job) FROM failover_effects"
_WITHOUT_JOBS = """
    SELECT count(*) FROM tickets t WHERE NOT EXISTS (
        SELECT FROM job_queue j WHERE j.job_type = 'TRIAGE_TICKET' AND j.payload->>'ticket_id' = t.id::text)
"""
_LIVING = "SELECT array_agg(id) FROM workers WHERE last_seen > now() - interval '60 seconds'"


@dataclass
class Outcome:
    """What one failover cost.

    Attributes:
        reconnected_s: seconds from the promotion until each process used the database again.
        lost_tickets, lost_jobs: accepted and gone.
        lost_window_s: how long before the kill the oldest lost ticket or job was accepted.
        broken: promises that were not kept, in words.
    """

    synchronous: bool
    tickets: int = 0
    jobs: int = 0
    refused: int = 0
    away_s: float = 0.0
    slowest_answer_s: float = 0.0
    reconnected_s: dict[str, float] = field(default_factory=dict)
    lost_tickets: int = 0
    lost_jobs: int = 0
    lost_window_s: float = 0.0
    effects: int = 0
    effects_twice: int = 0
    broken: list[str] = field(default_factory=list)


@dataclass
class Scene:
    """The processes of one installation, and the servers beneath them."""

    pair: Pair
    api_url: str
    token: str
    processes: dict[str, Running]
    workers: dict[str, UUID]


@asynccontextmanager
async def open_scene(pair: Pair, folder: Path) -> AsyncIterator[Scene]:
    """Start the API, two job workers and an SLA worker over a pair of servers."""
    settings = Settings(database_url=pair.url, data_dir=folder / "data")
    token = await _lay_out(settings)
    environment = {
        "ATUM_DATABASE_URL": pair.url,
        "ATUM_DATABASE_REPLICA_URL": pair.replica_url,
        "ATUM_DATA_DIR": str(folder / "data"),
        "ATUM_OLLAMA_HOST": "http://127.0.0.1:9",
        "ATUM_PLUGINS": PLUGIN,
        "ATUM_LEASE_HEARTBEAT_S": "1",
        "ATUM_LEASE_TIMEOUT_S": "6",
        "ATUM_SLA_TICK_S": "1",
        "ATUM_SMART_REPLY": "off",
    }
    processes = {"api": start("api", "--port", "0", log_file=folder / "api.log", environment=environment)}
    try:
        for number, kind in enumerate(_WORKERS, 1):
            log_file = folder / f"{kind}-{number}.log"
            processes[f"{kind} worker {number}"] = start("workers", kind, log_file=log_file, environment=environment)
        workers = {}
        for name, process in processes.items():
            if name != "api":
                found = await process.wait_for_log(r"event=\w+_worker_started .*?worker_id=([0-9a-f-]+)")
                workers[name] = UUID(found[1])
        started = await processes["api"].wait_for_log(r"event=api_started .*?port=(\d+)")
        await processes["api"].wait_for_log(r"event=connected_to_database")
        yield Scene(pair, f"http://127.0.0.1:{started[1]}", token, processes, workers)
        codes = await asyncio.gather(*(process.stop() for process in processes.values()))
        assert not any(codes), dict(zip(processes, codes, strict=True))
    finally:
        for process in processes.values():
            if process.process.poll() is None:
                process.process.kill()
            process.process.wait()


async def _lay_out(settings: Settings) -> str:
    owner = await connect_raw(settings, application="failover", role="atum_owner")
    await owner.execute(EFFECTS)
    await owner.close()
    database, organization_id = Database(settings, application="failover"), new_id()
    async with database.transaction(organization_id) as session:
        await create_organization(session, slug="failover", name="Failover", organization_id=organization_id)
        user = await create_user(
            session,
            organization_id=organization_id,
            email="admin@example.test",
            name="Admin",
            role=UserRole.ADMIN,
            password="a long enough password",
        )
        token = await issue_token(
            session, organization_id=organization_id, user_id=user.id, name="test", now=user.created_at
        )
    await database.close()
    return token.text


async def fail_over(
    scene: Scene, *, name: str, accepted_before: int, away_s: float, accepted_after: int, cut_off_s: float = 0
) -> Outcome:
    """Kill the primary under load, promote the standby after a while, and count.

    Args:
        accepted_before, accepted_after: how many 201 clients receive before the kill, and once all are back.
        cut_off_s: how long before the kill nothing reaches the standby any more.
        away_s: how long nobody takes writes before the standby is promoted: what a failover manager needs to be sure.
    """
    pair = scene.pair
    outcome = Outcome(pair.synchronous)
    async with load_on(scene.api_url, scene.token, clients=4, name=name) as load:
        await eventually(lambda: len(load.accepted_at) >= accepted_before, within_s=60)
        if cut_off_s:
            await pair.cut_off()
            await asyncio.sleep(cut_off_s)
        killed = time.monotonic()
        await pair.kill_primary()
        await asyncio.sleep(away_s)
        await pair.promote()
        promoted = time.monotonic()
        await _until_reconnected(scene, load, outcome, promoted)
        enough = len(load.accepted_at) + accepted_after
        await eventually(lambda: len(load.accepted_at) >= enough, within_s=60)
    outcome.away_s = round(promoted - killed, 2)
    await _count(scene, load, outcome, killed)
    return outcome


async def _until_reconnected(scene: Scene, load: Load, outcome: Outcome, promoted: float) -> None:
    """Note when each process has used the new primary: answered with a 201, finished a job, or beaten."""
    seen = """
        SELECT coalesce(jsonb_object_agg(id, 1), '{}')::text FROM (
            SELECT worker AS id FROM failover_effects WHERE at > $1
            UNION SELECT id FROM workers WHERE kind <> 'job' AND last_seen > $1) AS found
    """
    since = await scene.pair.say(scene.pair.primary, "SELECT clock_timestamp()")
    missing = {"api", *scene.workers}
    while missing and time.monotonic() - promoted < 60:
        found = await scene.pair.say(scene.pair.primary, seen, since)
        for name in sorted(missing):
            there = str(scene.workers[name]) in found if name in scene.workers else load.first_after(promoted)
            if there:
                outcome.reconnected_s[name] = round(time.monotonic() - promoted, 2)
                missing.discard(name)
        await asyncio.sleep(0.05)
    outcome.broken += [f"{name} did not come back within 60 s" for name in sorted(missing)]


async def _count(scene: Scene, load: Load, outcome: Outcome, killed: float) -> None:
    say, primary = scene.pair.say, scene.pair.primary
    with suppress(TimeoutError):  # what is left by then is told below
        await eventually(lambda: _settled(scene), within_s=60)
    subjects = await _set(say(primary, "SELECT array_agg(subject) FROM tickets"))
    jobs = await _set(say(primary, "SELECT array_agg(id) FROM job_queue"))
    effects: list[UUID] = await say(primary, _EFFECTS) or []
    lost = [at for subject, (_, at) in load.tickets.items() if subject not in subjects]
    lost_jobs = [at for job, at in load.jobs.items() if job not in jobs]
    outcome.tickets, outcome.jobs, outcome.refused = len(load.tickets), len(load.jobs), load.refused
    outcome.slowest_answer_s = round(load.slowest_answer_s, 2)
    outcome.lost_tickets, outcome.lost_jobs = len(lost), len(lost_jobs)
    outcome.lost_window_s = round(max((killed - at for at in [*lost, *lost_jobs]), default=0.0), 3)
    outcome.effects, outcome.effects_twice = len(effects), len(effects) - len(set(effects))
    unended = set(load.jobs) & jobs - set(effects)
    without_jobs = await say(primary, _WITHOUT_JOBS)
    dead = await say(primary, "SELECT count(*) FROM job_queue WHERE status = 'dead_letter'")
    alive = await _set(say(primary, _LIVING))
    for promise, broken in {
        "an effect happened twice": outcome.effects_twice,
        f"{len(unended)} jobs did not reach their end": unended,
        f"{dead} jobs were set aside": dead,
        f"answers that are neither 201 nor 503: {dict(load.wrong)}": load.wrong,
        f"{without_jobs} tickets have no jobs": without_jobs,
        "a worker is not in the list of workers": set(scene.workers.values()) - alive,
        "accepted tickets or jobs are gone": outcome.synchronous and (lost or lost_jobs),
        "nothing was refused: the load did not meet the failover": not load.refused,
    }.items():
        if broken:
            outcome.broken.append(promise)


async def _settled(scene: Scene) -> bool:
    return not await scene.pair.say(scene.pair.primary, _UNSETTLED)


async def _set(asked: Any) -> set[Any]:
    return set(await asked or [])
