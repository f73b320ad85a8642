"""The stream: what was missed first, then what happens, and nothing of anybody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.journeys.conftest import MakeAccount

TICKET = {"subject": "Screen stays black", "body": "Since the update."}
PATH = "/api/v1/events"


class Stream:
    """The events of an open stream, one after the other."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self, *, within_s: float = 10) -> dict[str, Any]:
        """Return the next event that carries data; the position alone comes as one without a kind."""
        event: dict[str, Any] = {}
        async with asyncio.timeout(within_s):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if name in {"id", "event", "data"}:
                    event[name] = json.loads(value) if name == "data" else value
                elif not line and event:
                    return event
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def follow(client: httpx.AsyncClient, **headers: str) -> AsyncIterator[Stream]:
    async with client.stream("GET", PATH, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Stream(answer.aiter_lines())


async def test_what_happens_is_told_as_it_happens(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/tickets", json=TICKET | {"subject": "Before the stream"})
    async with follow(client) as stream:
        position = await stream.next()
        opened = (await client.post("/api/v1/tickets", json=TICKET)).json()
        event = await stream.next()

    assert "data" not in position
    assert event["event"] == "ticket.opened"
    assert event["data"]["ticket_id"] == opened["id"]
    assert event["data"]["data"]["number"] == 2


async def test_what_was_missed_is_told_first_and_once(client: httpx.AsyncClient) -> None:
    async with follow(client) as stream:
        await stream.next()
        await client.post("/api/v1/tickets", json=TICKET)
        last_seen = (await stream.next())["id"]
    path = "/api/v1/tickets/1"
    await client.post(f"{path}/notes", json={"body": "one"})
    await client.post(f"{path}/messages", json={"body": "two"})

    async with follow(client, **{"Last-Event-ID": last_seen}) as stream:
        await stream.next()
        missed = [await stream.next() for _ in range(3)]
        await client.post(f"{path}/status", json={"status": "pending"})
        live = await stream.next()

    kinds = [event["event"] for event in missed]
    assert kinds == ["message.added", "message.added", "ticket.status_changed"]
    assert live["data"]["data"] == {"from": "open", "to": "pending"}
    ids = [event["id"] for event in [*missed, live]]
    assert len(set(ids)) == 4
    assert last_seen not in ids


async def test_nothing_of_another_organisation_is_told(
    client: httpx.AsyncClient, connect: Callable[[str | None], httpx.AsyncClient], make_account: MakeAccount
) -> None:
    stranger = connect((await make_account()).token)
    async with follow(client) as stream:
        await stream.next()
        await stranger.post("/api/v1/tickets", json=TICKET | {"subject": "not yours"})
        own = (await client.post("/api/v1/tickets", json=TICKET)).json()
        event = await stream.next()

    assert event["data"]["ticket_id"] == own["id"]


async def test_a_position_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH, headers={"Last-Event-ID": "yesterday"})

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-cursor"
