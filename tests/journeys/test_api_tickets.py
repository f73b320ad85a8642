"""Tickets over HTTP: one transaction, one organisation, pages that hold still."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import httpx
from sqlalchemy import text

from helpdesk.database.engine import Database
from tests.journeys.conftest import Account, MakeAccount

Connect = Callable[[str | None], httpx.AsyncClient]
VPN = {
    "subject": "VPN drops every ten minutes",
    "body": "Since this morning, with error HL-809.",
    "requester": {"email": "robin@example.test", "name": "Robin Vale"},
}


async def open_tickets(client: httpx.AsyncClient, count: int) -> list[dict]:
    opened = [await client.post("/api/v1/tickets", json=VPN | {"subject": f"Ticket {n}"}) for n in range(count)]
    return [answer.json() for answer in opened]


async def test_an_opened_ticket_is_stored_with_all_the_work_it_calls_for(
    client: httpx.AsyncClient, account: Account, database: Database
) -> None:
    answer = await client.post("/api/v1/tickets", json=VPN)

    assert answer.status_code == 201, answer.text
    ticket = answer.json()
    assert answer.headers["location"] == f"/api/v1/tickets/{ticket['id']}"
    assert answer.headers["etag"] == '"v1"'
    assert (ticket["number"], ticket["status"], ticket["requester"]) == (1, "new", "Robin Vale")
    assert ticket["triage"] is None
    assert ticket["draft"] is None
    async with database.transaction(account.organization_id) as session:
        jobs = (await session.execute(text("SELECT job_type, xmin::text AS made_by FROM job_queue"))).all()
        ticket_made_by = await session.scalar(text("SELECT xmin::text FROM tickets"))
        index_made_by = await session.scalar(text("SELECT xmin::text FROM rag_index_queue"))
        kinds = (await session.scalars(text("SELECT kind FROM ticket_events"))).all()
    assert {job.job_type for job in jobs} == {
        "TRIAGE_TICKET",
        "KB_SUGGEST",
        "SMART_REPLY",
        "SLA_PREDICT",
        "METRICS_SNAPSHOT",
    }
    assert {job.made_by for job in jobs} | {ticket_made_by, index_made_by} == {ticket_made_by}
    assert "ticket.opened" in kinds


async def test_a_ticket_that_cannot_be_stored_leaves_nothing_behind(
    client: httpx.AsyncClient, account: Account, database: Database
) -> None:
    answer = await client.post("/api/v1/tickets", json=VPN | {"category": "no-such-category"})

    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/category-not-found"
    async with database.transaction(account.organization_id) as session:
        tables = ("tickets", "job_queue", "contacts")
        left = [await session.scalar(text(f"SELECT count(*) FROM {table}")) for table in tables]
    assert left == [0, 0, 0]


async def test_a_ticket_is_found_by_id_and_by_number(client: httpx.AsyncClient) -> None:
    opened = (await client.post("/api/v1/tickets", json=VPN)).json()

    by_id = await client.get(f"/api/v1/tickets/{opened['id']}")
    by_number = await client.get(f"/api/v1/tickets/{opened['number']}")

    assert by_id.json()["id"] == by_number.json()["id"] == opened["id"]
    assert (await client.get("/api/v1/tickets/999")).status_code == 404
    assert (await client.get("/api/v1/tickets/0")).status_code == 422
    assert (await client.get("/api/v1/tickets/99999999999999999999")).status_code == 422


async def test_another_organisations_ticket_does_not_exist(
    client: httpx.AsyncClient, connect: Connect, make_account: MakeAccount
) -> None:
    opened = (await client.post("/api/v1/tickets", json=VPN)).json()
    stranger = connect((await make_account()).token)
    path = f"/api/v1/tickets/{opened['id']}"

    attempts = [
        await stranger.get(path),
        await stranger.patch(path, json={"priority": "low"}),
        await stranger.post(f"{path}/messages", json={"body": "hello"}),
        await stranger.post(f"{path}/notes", json={"body": "hello"}),
        await stranger.post(f"{path}/status", json={"status": "solved"}),
        await stranger.post(f"{path}/assign", json={"assignee_id": None}),
        await stranger.get(f"{path}/events"),
        await stranger.get(f"{path}/sla"),
        await stranger.post(f"{path}/triage"),
        await stranger.post(f"{path}/drafts"),
        await stranger.get(f"{path}/draft"),
    ]

    assert [(answer.status_code, answer.json()["type"]) for answer in attempts] == [
        (404, "/problems/ticket-not-found")
    ] * len(attempts)
    assert (await stranger.get("/api/v1/tickets")).json()["items"] == []
    assert (await stranger.get("/api/v1/jobs")).json()["items"] == []


async def test_pages_hold_still_while_tickets_come_in(client: httpx.AsyncClient) -> None:
    tickets = await open_tickets(client, 5)
    first = await client.get("/api/v1/tickets", params={"limit": 2})
    await open_tickets(client, 2)

    seen, page = [item["subject"] for item in first.json()["items"]], first
    while (cursor := page.json()["next_cursor"]) is not None:
        assert f"cursor={cursor}" in page.headers["link"]
        page = await client.get("/api/v1/tickets", params={"limit": 2, "cursor": cursor})
        seen += [item["subject"] for item in page.json()["items"]]

    assert seen == [ticket["subject"] for ticket in reversed(tickets)]
    assert "link" not in page.headers
    forged = await client.get("/api/v1/tickets", params={"cursor": "bm90IG91cnM"})
    assert forged.status_code == 422
    assert forged.json()["type"] == "/problems/cursor-refused"


async def test_a_list_is_narrowed_by_its_filters(client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/tickets", json=VPN | {"priority": "urgent", "tags": ["remote"]})
    await client.post("/api/v1/tickets", json=VPN | {"subject": "Printer: 100% jammed", "priority": "low"})

    async def subjects(**params: object) -> list[str]:
        answer = await client.get("/api/v1/tickets", params=params)
        assert answer.status_code == 200, answer.text
        return [item["subject"] for item in answer.json()["items"]]

    assert await subjects(priority="urgent") == [VPN["subject"]]
    assert await subjects(priority=["urgent", "low"], status="new") == ["Printer: 100% jammed", VPN["subject"]]
    assert await subjects(tag="remote") == [VPN["subject"]]
    assert await subjects(q="100%") == ["Printer: 100% jammed"]
    assert await subjects(status="closed") == []


async def test_a_ticket_goes_its_way_to_closed_and_takes_no_more(client: httpx.AsyncClient, account: Account) -> None:
    path = f"/api/v1/tickets/{(await client.post('/api/v1/tickets', json=VPN)).json()['id']}"

    note = await client.post(f"{path}/notes", json={"body": "Looks like the gateway."})
    reply = await client.post(f"{path}/messages", json={"body": "Please restart the client."})
    assigned = await client.post(f"{path}/assign", json={"assignee_id": str(account.user_id)})
    customer = await client.post(f"{path}/messages", json={"body": "That helped.", "by": "customer"})
    solved = await client.post(f"{path}/status", json={"status": "solved", "resolution": "Client restarted."})
    closed = await client.post(f"{path}/status", json={"status": "closed"})
    late = await client.post(f"{path}/messages", json={"body": "One more thing"})

    assert (note.status_code, note.json()["visibility"]) == (201, "internal")
    assert (reply.status_code, reply.json()["author_user_id"]) == (201, str(account.user_id))
    assert assigned.json()["assignee"] == "Test"
    assert (customer.status_code, customer.json()["author_kind"]) == (201, "customer")
    assert (solved.json()["status"], solved.json()["resolution"]) == ("solved", "Client restarted.")
    assert closed.json()["status"] == "closed"
    assert (late.status_code, late.json()["type"]) == (409, "/problems/ticket-closed")
    ticket = (await client.get(path)).json()
    assert [message["visibility"] for message in ticket["messages"]] == ["public", "internal", "public", "public"]
    events = (await client.get(f"{path}/events")).json()
    assert events[0]["kind"] == "ticket.opened"
    assert {"message.added", "ticket.assigned", "ticket.status_changed"} <= {event["kind"] for event in events}


async def test_a_change_meant_for_another_version_is_refused(client: httpx.AsyncClient) -> None:
    opened = await client.post("/api/v1/tickets", json=VPN)
    path, tag = opened.headers["location"], opened.headers["etag"]

    first = await client.patch(path, json={"priority": "high"}, headers={"If-Match": tag})
    second = await client.patch(path, json={"priority": "low"}, headers={"If-Match": tag})
    anyway = await client.patch(path, json={"priority": "low"})

    assert first.json()["priority"] == "high"
    assert first.json()["decided_by"] == {"priority": "agent"}
    assert (second.status_code, second.json()["type"]) == (412, "/problems/changed-meanwhile")
    assert anyway.json()["priority"] == "low"


async def test_asking_twice_for_triage_gives_one_job(client: httpx.AsyncClient) -> None:
    opened = (await client.post("/api/v1/tickets", json=VPN)).json()

    first = await client.post(f"/api/v1/tickets/{opened['id']}/triage")
    second = await client.post(f"/api/v1/tickets/{opened['number']}/triage")

    assert first.status_code == second.status_code == 202
    assert UUID(first.json()["job_id"]) == UUID(second.json()["job_id"])
