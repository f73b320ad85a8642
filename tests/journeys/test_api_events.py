"""The stream: what was missed first, then what happens, and nothing of anybody else."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from tests.journeys.conftest import MakeAccount
from tests.journeys.streams import EVENTS, follow

TICKET = {"subject": "Screen stays black", "body": "Since the update."}


async def test_what_happens_is_told_as_it_happens(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/tickets", json=TICKET | {"subject": "Before the stream"})
    async with follow(client, EVENTS) as stream:
        position = await stream.next()
        opened = (await client.post("/api/v1/tickets", json=TICKET)).json()
        event = await stream.next()

    assert "data" not in position
    assert event["event"] == "ticket.opened"
    assert event["data"]["ticket_id"] == opened["id"]
    assert event["data"]["data"]["number"] == 2


async def test_what_was_missed_is_told_first_and_once(client: httpx.AsyncClient) -> None:
    async with follow(client, EVENTS) as stream:
        await stream.next()
        await client.post("/api/v1/tickets", json=TICKET)
        last_seen = (await stream.next())["id"]
    path = "/api/v1/tickets/1"
    await client.post(f"{path}/notes", json={"body": "one"})
    await client.post(f"{path}/messages", json={"body": "two"})

    async with follow(client, EVENTS, after=last_seen) as stream:
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
    async with follow(client, EVENTS) as stream:
        await stream.next()
        await stranger.post("/api/v1/tickets", json=TICKET | {"subject": "not yours"})
        own = (await client.post("/api/v1/tickets", json=TICKET)).json()
        event = await stream.next()

    assert event["data"]["ticket_id"] == own["id"]


async def test_a_position_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get(EVENTS, headers={"Last-Event-ID": "yesterday"})

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/invalid-cursor"
