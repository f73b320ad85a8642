"""What one of each thing costs: processor time by role, memory, disk; measured on an installation of its own."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from scratch import REPOSITORY, Scratch, scratch
from sqlalchemy import text

from helpdesk.accounts.commands import create_user, issue_token
from helpdesk.demo.files import read_yaml
from helpdesk.demo.loader import load_demo
from helpdesk.models.values import UserRole

_LEFT = text("""
    SELECT (SELECT count(*) FROM job_queue WHERE status IN ('pending', 'running') AND run_after <= now())
         + (SELECT count(*) FROM rag_index_queue WHERE status IN ('pending', 'running'))
""")
_SIZES = text("""
    SELECT sum(pg_total_relation_size(oid)) FILTER (WHERE relname LIKE 'job\\_%') AS jobs,
           sum(pg_total_relation_size(oid)) FILTER (WHERE relname NOT LIKE 'job\\_%') AS lasting
      FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
""")
_LIMIT_S = 1200.0
_IDLE_S = 10.0


@dataclass
class UnitCosts:
    """What was measured.

    Attributes:
        core_ms: {thing: {role: milliseconds of one core}}; `idle` is for a second in which nothing happens.
        memory_mb: resident memory of a process of each role; shared memory of PostgreSQL's back ends counts once.
        disk_kb: what a ticket leaves behind for good, and as jobs until they are cleared away.
    """

    tickets: int
    core_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    disk_kb: dict[str, float] = field(default_factory=dict)


@dataclass
class _Bench:
    here: Scratch
    client: httpx.AsyncClient
    roles: dict[str, psutil.Process]
    costs: UnitCosts
    idle: dict[str, float] = field(default_factory=dict)

    async def take(self, thing: str, times: int, work: Callable[[], Awaitable[None]]) -> None:
        """Note what one of a thing costs, without what the processes would have used anyway."""
        before, began = self._used(), time.monotonic()
        await work()
        took, after = time.monotonic() - began, self._used()
        self.costs.core_ms[thing] = {
            role: round(max(0.0, after[role] - before[role] - self.idle.get(role, 0.0) * took) * 1000 / times, 2)
            for role in after
        }

    async def until_idle(self) -> None:
        """Wait until nothing is left to do."""
        began = time.monotonic()
        while await self._left():
            if time.monotonic() - began > _LIMIT_S:
                raise SystemExit(f"something was left after {_LIMIT_S:.0f} s")
            await asyncio.sleep(0.2)

    async def sizes(self) -> dict[str, float]:
        """Return the bytes of jobs and of all else."""
        async with self.here.database.transaction(None, role="atum_owner") as session:
            row = (await session.execute(_SIZES)).one()
        return {"jobs": float(row.jobs), "lasting": float(row.lasting)}

    async def _left(self) -> int:
        async with self.here.database.transaction(None, role="atum_worker") as session:
            return int(await session.scalar(_LEFT) or 0)

    def _used(self) -> dict[str, float]:
        return {role: sum(_seconds(each) for each in _family(process)) for role, process in self.roles.items()}


async def measure(tickets: int) -> UnitCosts:
    """Measure everything; takes a few minutes."""
    costs = UnitCosts(tickets)
    async with scratch() as here:
        demo = await load_demo(here.database, password="only for measuring", now=datetime.now(UTC))
        token = await _token(here, demo.slug)
        with _processes(here) as (roles, url):
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(
                base_url=f"{url}/api/v1", headers=headers, timeout=60, trust_env=False
            ) as client:
                bench = _Bench(here, client, roles, costs)
                await bench.until_idle()
                await _measure(bench, tickets)
                for role, process in roles.items():
                    costs.memory_mb[role] = round(process.memory_info().rss / 1e6)
    return costs


async def _measure(bench: _Bench, tickets: int) -> None:
    await _open(bench, 10, first=0)
    await bench.take("idle", round(_IDLE_S), lambda: asyncio.sleep(_IDLE_S))
    bench.idle = {role: ms / 1000 for role, ms in bench.costs.core_ms["idle"].items()}
    before = await bench.sizes()
    await bench.take("ticket", tickets, lambda: _open(bench, tickets, first=100))
    after = await bench.sizes()
    bench.costs.disk_kb = {what: round((after[what] - before[what]) / 1000 / tickets, 1) for what in after}
    await bench.take("list", 100, lambda: _get(bench, "/tickets?limit=50", 100))
    await bench.take("read", 100, lambda: _get(bench, "/tickets/40", 100))
    await bench.take("search", 100, lambda: _search(bench, 100))


async def _open(bench: _Bench, tickets: int, *, first: int) -> None:
    past = read_yaml("closed_tickets.yaml")
    for number in range(first, first + tickets):
        words = past[number % len(past)]
        body = {"subject": words["subject"], "body": f"{words['body']}\n\nThis is call {number}."}
        (await bench.client.post("/tickets", json=body)).raise_for_status()
    await bench.until_idle()


async def _get(bench: _Bench, path: str, times: int) -> None:
    for _ in range(times):
        (await bench.client.get(path)).raise_for_status()


async def _search(bench: _Bench, times: int) -> None:
    past = read_yaml("closed_tickets.yaml")
    for number in range(times):
        query = f"{past[number % len(past)]['subject']} {number}"
        (await bench.client.post("/rag/search", json={"query": query})).raise_for_status()


async def _token(here: Scratch, slug: str) -> str:
    async with here.database.transaction(None) as session:
        organization_id = await session.scalar(text("SELECT id FROM organizations WHERE slug = :slug"), {"slug": slug})
    scope: dict[str, Any] = {"organization_id": organization_id}
    async with here.database.transaction(organization_id) as session:
        user = await create_user(
            session, **scope, email="bench@example.test", name="B", role=UserRole.ADMIN, password="only for measuring"
        )
        return (await issue_token(session, **scope, user_id=user.id, name="bench", now=user.created_at)).text


@contextmanager
def _processes(here: Scratch) -> Iterator[tuple[dict[str, psutil.Process], str]]:
    """Run the API and the workers; give each role's process, and the API's address."""
    environment = os.environ | {
        "ATUM_DATABASE_URL": here.settings.database_url,
        "ATUM_OLLAMA_HOST": here.settings.ollama_host,
        "ATUM_LOG_FORMAT": "logfmt",
    }
    modules = {"api": ["api", "--port", "0"], **{kind: ["workers", kind] for kind in ("job", "rag", "sla")}}
    started: dict[str, subprocess.Popen[bytes]] = {}
    with tempfile.TemporaryDirectory(prefix="atum-bench-logs-") as logs:
        try:
            for role, arguments in modules.items():
                with (Path(logs) / role).open("wb") as log:
                    command = [sys.executable, "-m", *arguments]
                    started[role] = subprocess.Popen(
                        command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                    )
            roles = {role: psutil.Process(process.pid) for role, process in started.items()}
            roles["embedding"] = next(
                child for child in psutil.Process().children() if "api.models_server" in " ".join(child.cmdline())
            )
            roles["postgres"] = _postmaster(here)
            yield roles, _address(Path(logs) / "api")
        finally:
            for process in started.values():
                process.terminate()
            for process in started.values():
                process.wait(60)


def _postmaster(here: Scratch) -> psutil.Process:
    home = Path(here.settings.database_url.partition("?host=")[2]).parent
    return psutil.Process(int((home / "data/postmaster.pid").read_text().split()[0]))


def _address(log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := re.search(r"event=api_started .*?port=(\d+)", log.read_text()):
            return f"http://127.0.0.1:{found[1]}"
        time.sleep(0.1)
    raise SystemExit("the API did not start")


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system
