"""The day of a help desk at a steady pace, over HTTP."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from helpdesk.demo.files import read_yaml
from tests.soak.ground import PASSWORD, Ground

# No more than this at a time: a desk that cannot keep up shows as late answers, not as ever more of them.
_AT_ONCE = 16
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Request:
    """One request: when it was due (monotonic), what it was, its status (0 for none) and how long it took from then."""

    at: float
    kind: str
    status: int
    seconds: float

    @property
    def failed(self) -> bool:
        """Return whether the desk did not do what it was asked for."""
        return not 200 <= self.status < 300


@dataclass
class Load:
    """Asks a desk for what agents and customers ask it for.

    Attributes:
        done: every request that has ended.
        opened: numbers of the tickets it has opened.
    """

    ground: Ground
    visits_per_s: float
    luck: Random
    done: list[Request] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)

    async def run(self, stopping: asyncio.Event) -> None:
        """Begin a visit at each beat until told to stop, whether those before have ended or not."""
        limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE)
        async with httpx.AsyncClient(
            base_url=f"{self.ground.url}/api/v1", timeout=_TIMEOUT_S, limits=limits, trust_env=False
        ) as client:
            answer = await client.post("/auth/login", json={"email": self.ground.email, "password": PASSWORD})
            client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
            places = asyncio.Semaphore(_AT_ONCE)
            async with asyncio.TaskGroup() as visits:
                began = time.monotonic()
                for number in itertools.count():
                    due = began + number / self.visits_per_s
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    if stopping.is_set():
                        return
                    await places.acquire()
                    visits.create_task(self._visit(client, number, due)).add_done_callback(lambda _: places.release())

    async def _visit(self, client: httpx.AsyncClient, number: int, due: float) -> None:
        kinds: list[tuple[str, Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]]] = [
            ("open", self._open),
            ("list", self._list),
            ("search", self._search),
            ("read", self._read),
            ("reply", self._reply),
        ]
        kind, ask = kinds[number % len(kinds)]
        try:
            status = (await ask(client, number)).status_code
        except httpx.HTTPError:
            status = 0
        self.done.append(Request(due, kind, status, time.monotonic() - due))

    async def _open(self, client: httpx.AsyncClient, number: int) -> httpx.Response:
        past = self._words(number)
        body = f"{past['body']}\n\nThis is call {number}."
        ticket = {"subject": past["subject"], "body": body, "requester": {"email": f"caller{number % 50}@example.org"}}
        answer = await client.post("/tickets", json=ticket)
        if answer.status_code == httpx.codes.CREATED:
            self.opened.append(answer.json()["number"])
        return answer

    async def _list(self, client: httpx.AsyncClient, number: int) -> httpx.Response:
        return await client.get("/tickets", params={"limit": 25})

    async def _search(self, client: httpx.AsyncClient, number: int) -> httpx.Response:
        return await client.post("/rag/search", json={"query": f"{self._words(number)['subject']} {number}"})

    async def _read(self, client: httpx.AsyncClient, number: int) -> httpx.Response:
        return await client.get(f"/tickets/{self._some()}")

    async def _reply(self, client: httpx.AsyncClient, number: int) -> httpx.Response:
        message = {"body": f"Did that help? ({number})", "by": self.luck.choice(["agent", "customer"])}
        return await client.post(f"/tickets/{self._some()}/messages", json=message)

    def _some(self) -> int:
        return self.luck.choice(self.opened[-200:]) if self.opened else 1

    @staticmethod
    def _words(number: int) -> dict[str, Any]:
        past: list[dict[str, Any]] = read_yaml("closed_tickets.yaml")
        return past[number % len(past)]
