"""Clients that open tickets and ask for jobs without a pause, and remember what they were answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx

_PAUSE_S = 0.02
_PAUSE_AFTER_REFUSAL_S = 0.1


@dataclass
class Load:
    """What clients were answered.

    Attributes:
        tickets: subjects of tickets whose 201 was received, with their id and when (monotonic clock).
        jobs: jobs whose 201 was received, with when.
        refused: how often the API said that the database is away.
        wrong: answers that are neither, which there must not be.
        accepted_at: when each 201 arrived.
    """

    tickets: dict[str, tuple[UUID, float]] = field(default_factory=dict)
    jobs: dict[UUID, float] = field(default_factory=dict)
    refused: int = 0
    slowest_answer_s: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)
    accepted_at: list[float] = field(default_factory=list)

    def first_after(self, moment: float) -> float | None:
        """Return how many seconds after a moment the first 201 arrived."""
        return min((at - moment for at in self.accepted_at if at >= moment), default=None)


@asynccontextmanager
async def load_on(url: str, token: str, *, clients: int, name: str) -> AsyncIterator[Load]:
    """Keep so many clients busy; what each has asked for is answered before this ends."""
    load, stopping = Load(), asyncio.Event()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
        tasks = [asyncio.create_task(_ask_on(client, load, stopping, f"{name}-{each}")) for each in range(clients)]
        try:
            yield load
        finally:
            stopping.set()
            await asyncio.gather(*tasks)


async def _ask_on(client: httpx.AsyncClient, load: Load, stopping: asyncio.Event, name: str) -> None:
    number = 0
    while not stopping.is_set():
        number += 1
        subject = f"{name}-{number}"
        if found := await _ask(client, load, "/api/v1/tickets", {"subject": subject, "body": "The printer burns."}):
            load.tickets[subject] = found, time.monotonic()
        if found := await _ask(client, load, "/api/v1/jobs", {"job_type": "FAILOVER_EFFECT", "payload": {}}):
            load.jobs[found] = time.monotonic()
        await asyncio.sleep(_PAUSE_S)


async def _ask(client: httpx.AsyncClient, load: Load, path: str, body: dict[str, object]) -> UUID | None:
    began = time.monotonic()
    try:
        answer = await client.post(path, json=body)
    except httpx.HTTPError as error:
        load.wrong[f"{path}: {type(error).__name__}"] += 1
        return None
    finally:
        load.slowest_answer_s = max(load.slowest_answer_s, time.monotonic() - began)
    if answer.status_code == httpx.codes.CREATED:
        load.accepted_at.append(time.monotonic())
        return UUID(answer.json()["id"])
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and is_problem and "retry-after" in answer.headers:
        load.refused += 1
        await asyncio.sleep(_PAUSE_AFTER_REFUSAL_S)
    else:
        load.wrong[f"{path}: {answer.status_code} {answer.text[:200]}"] += 1
    return None
