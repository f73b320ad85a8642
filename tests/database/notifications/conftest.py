from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from pydantic import SecretStr

import workers.handlers  # noqa: F401 (registers every handler)
from helpdesk.database.engine import Database
from helpdesk.notifications.mail.connections import close_connections
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.database.notifications.http_receiver import Receiver, http_receiver
from tests.database.notifications.smtp_sink import Sink, smtp_sink
from tests.database.notifications.webhook_desk import Desk, make_desk
from tests.database.queue.jobs import link, working
from workers.registry import handlers

Working: TypeAlias = Callable[..., AbstractAsyncContextManager[Any]]
TYPES = ["SEND_EMAIL", "SEND_WEBHOOK", "PUBLISH_EVENT", "DELIVER_NOTIFICATION"]


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Link]:
    async with link(settings) as connection:
        yield connection


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with smtp_sink() as sink:
        yield sink


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with http_receiver() as receiver:
        yield receiver


@pytest.fixture
async def desk(database: Database, organization_id: UUID, receiver: Receiver) -> Desk:
    return await make_desk(database, organization_id, receiver.url)


@pytest.fixture
def at_work(settings: Settings) -> Working:
    """Run a worker in this process, with the given settings."""

    @asynccontextmanager
    async def run(**changes: Any) -> AsyncIterator[None]:
        if "smtp_url" in changes:
            changes["smtp_url"] = SecretStr(changes["smtp_url"])
        async with working(settings.model_copy(update={"poll_interval": 0.05} | changes), handlers, types=TYPES):
            yield
        await close_connections()

    return run


async def hurry(connection: Link, job: Any, *, times: int, event: str = "retried", within_s: float = 15) -> None:
    """Let no time pass between tries, until a job's history has an event so many times."""
    async with asyncio.timeout(within_s):
        while True:
            rows = await connection.fetch(
                "SELECT count(*) AS n FROM job_events WHERE job_id = $1 AND event = $2", job, event
            )
            if rows[0]["n"] >= times:
                return
            await connection.fetch("UPDATE job_queue SET run_after = now() WHERE id = $1 AND status = 'pending'", job)
            await asyncio.sleep(0.02)
