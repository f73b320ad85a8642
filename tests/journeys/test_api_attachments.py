"""Files on tickets, over HTTP and with a real worker."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount, RunWorker
from tests.journeys.processes import Running

MOST_BYTES = 3_000_000
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def process_environment(process_environment: dict[str, str]) -> dict[str, str]:
    return process_environment | {"ATUM_ATTACHMENT_MAX_BYTES": str(MOST_BYTES)}


@pytest.fixture
def stored(process_environment: dict[str, str], account: Account) -> Callable[[], list[Path]]:
    """Return how to see the files that this organisation has in storage."""
    root = Path(process_environment["ATUM_DATA_DIR"]) / "files"
    return lambda: sorted(path for path in root.glob(f"*/{account.organization_id}/*"))


@pytest.fixture
async def ticket(client: httpx.AsyncClient) -> int:
    opened = await client.post("/api/v1/tickets", json={"subject": "Broken screen", "body": "See the photo."})
    return int(opened.json()["number"])


def photo(width: int = 1200, height: int = 800) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (width, height), "orange").save(file, "JPEG", exif=exif)
    return file.getvalue()


async def send(client: httpx.AsyncClient, ticket: int | str, *, name: str, content: bytes, **fields: str) -> Any:
    return await client.post(f"/api/v1/tickets/{ticket}/attachments", files={"file": (name, content)}, data=fields)


async def test_a_photo_is_kept_as_it_came_and_gets_a_thumbnail(
    client: httpx.AsyncClient, ticket: int, run_worker: RunWorker
) -> None:
    content = photo()
    made = await send(client, ticket, name="../../screen\u202egpj.html", content=content)

    assert made.status_code == 201, made.text
    attachment = made.json()
    address = made.headers["location"]
    assert address == f"/api/v1/attachments/{attachment['id']}"
    assert (attachment["name"], attachment["media_type"]) == ("screengpj.html", "image/jpeg")
    assert attachment["sha256"] == hashlib.sha256(content).hexdigest()
    assert (attachment["size_bytes"], attachment["thumbnail"]) == (len(content), "waiting")

    answer = await client.get(address)
    assert answer.content == content
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == 'attachment; filename="screengpj.html"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")

    waiting = await client.get(f"{address}/thumbnail")
    assert (waiting.status_code, waiting.json()["type"]) == (404, "/problems/no-thumbnail")
    await run_worker("job")
    for _ in range(200):
        small = await client.get(f"{address}/thumbnail")
        if small.status_code == 200:
            break
        await asyncio.sleep(0.1)
    assert small.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(small.content)) as image:
        assert image.size == (213, 320)
    [listed] = (await client.get(f"/api/v1/tickets/{ticket}/attachments")).json()
    assert (listed["width"], listed["height"], listed["thumbnail"]) == (800, 1200, "ready")
    events = (await client.get(f"/api/v1/tickets/{ticket}/events")).json()
    assert "attachment.added" in [event["kind"] for event in events]


async def test_what_a_browser_might_run_is_only_ever_text_to_be_saved(client: httpx.AsyncClient, ticket: int) -> None:
    for name, content in (
        ("page.html", b"<html><script>alert(document.domain)</script></html>"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("übersicht \u201equote\u201d.txt", "Grüße".encode()),
    ):
        made = (await send(client, ticket, name=name, content=content)).json()
        assert (made["name"], made["media_type"], made["thumbnail"]) == (name, "text/plain", "none")
        answer = await client.get(f"/api/v1/attachments/{made['id']}")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.content == content
        none = await client.get(f"/api/v1/attachments/{made['id']}/thumbnail")
        assert (none.status_code, none.json()["type"]) == (404, "/problems/no-thumbnail")


async def test_a_file_may_be_far_larger_than_other_bodies_but_not_larger_than_its_limit(
    client: httpx.AsyncClient, ticket: int, stored: Callable[[], list[Path]]
) -> None:
    largest = os.urandom(MOST_BYTES)
    assert (await send(client, ticket, name="a", content=largest)).status_code == 201
    before = stored()

    over = await send(client, ticket, name="b", content=largest + b"x")
    assert (over.status_code, over.json()["type"]) == (413, "/problems/attachment-too-large")
    far_over = await send(client, ticket, name="c", content=largest * 3)
    assert (far_over.status_code, far_over.json()["type"]) == (413, "/problems/body-too-large")

    async def unannounced() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="d"\r\n\r\n'
        for _ in range(100):
            yield largest[:100_000]

    chunked = await client.post(
        f"/api/v1/tickets/{ticket}/attachments",
        content=unannounced(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert chunked.status_code == 413
    other = await client.post("/api/v1/tickets", json={"subject": "large", "body": "x" * 1_500_000})
    assert other.status_code == 413
    for answer in (over, far_over, chunked, other):
        assert answer.headers["content-type"] == PROBLEM
    assert stored() == before


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=x", 422),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422),
        (b"no form at all", "multipart/form-data; boundary=x", 422),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut off',
            "multipart/form-data; boundary=x",
            422,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\none\r\n' * 2 + b"--x--\r\n",
            "multipart/form-data; boundary=x",
            422,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nno file\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
        ),
        (b"a", "multipart/form-data", 415),
        (b"a", "multipart/form-data; boundary=" + "x" * 5000, 422),
        (b"{}", "application/json", 415),
    ],
)
async def test_what_is_no_form_with_one_file_is_refused(
    client: httpx.AsyncClient,
    ticket: int,
    stored: Callable[[], list[Path]],
    body: bytes,
    content_type: str,
    status: int,
) -> None:
    answer = await client.post(
        f"/api/v1/tickets/{ticket}/attachments", content=body, headers={"Content-Type": content_type}
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert stored() == []


async def test_a_file_may_belong_to_a_message_of_its_ticket(
    client: httpx.AsyncClient, ticket: int, stored: Callable[[], list[Path]]
) -> None:
    message = (await client.post(f"/api/v1/tickets/{ticket}/messages", json={"body": "Here it is."})).json()["id"]
    made = await send(client, ticket, name="log.txt", content=b"words", message_id=message)
    assert made.json()["message_id"] == message
    before = stored()
    for wrong in (str(uuid4()), "none"):
        refused = await send(client, ticket, name="log.txt", content=b"words", message_id=wrong)
        assert refused.status_code == 422
    assert stored() == before


async def test_a_file_is_for_its_organisation_and_for_the_roles_that_may(
    client: httpx.AsyncClient,
    ticket: int,
    account: Account,
    make_account: MakeAccount,
    connect: Callable[[str | None], httpx.AsyncClient],
    stored: Callable[[], list[Path]],
) -> None:
    made = (await send(client, ticket, name="secret.txt", content=b"secret")).json()["id"]
    stranger = connect((await make_account()).token)
    assert (await send(stranger, ticket, name="x", content=b"x")).status_code == 404
    for path in (f"/api/v1/attachments/{made}", f"/api/v1/attachments/{made}/thumbnail"):
        assert (await stranger.get(path)).status_code == 404
        assert (await connect(None).get(path)).status_code == 401
    assert (await stranger.delete(f"/api/v1/attachments/{made}")).status_code == 404
    assert (await send(connect(None), ticket, name="x", content=b"x")).status_code == 401

    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)
    assert (await viewer.get(f"/api/v1/attachments/{made}")).content == b"secret"
    assert (await send(viewer, ticket, name="x", content=b"x")).status_code == 403
    assert (await agent.delete(f"/api/v1/attachments/{made}")).status_code == 403

    assert len(stored()) == 1
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    assert (await lead.delete(f"/api/v1/attachments/{made}")).status_code == 204
    assert (await client.get(f"/api/v1/attachments/{made}")).status_code == 404
    for _ in range(100):
        if not stored():
            break
        await asyncio.sleep(0.05)
    assert stored() == []
    events = (await client.get(f"/api/v1/tickets/{ticket}/events")).json()
    assert events[-1]["kind"] == "attachment.removed"


async def test_a_closed_ticket_takes_no_file_and_one_that_is_not_there_neither(
    client: httpx.AsyncClient, ticket: int, stored: Callable[[], list[Path]]
) -> None:
    assert (await send(client, uuid4(), name="x", content=b"x")).status_code == 404
    await client.post(f"/api/v1/tickets/{ticket}/status", json={"status": "closed"})
    refused = await send(client, ticket, name="x", content=b"x")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/closed-for-files")
    assert stored() == []


async def test_a_sender_who_hangs_up_leaves_nothing_and_no_alarm(
    client: httpx.AsyncClient, ticket: int, stored: Callable[[], list[Path]], api: Running, account: Account
) -> None:
    address = client.base_url
    _, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(
        f"POST /api/v1/tickets/{ticket}/attachments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {account.token}\r\n"
        "X-Request-ID: hung-up\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 2000000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'.encode()
        + b"x" * 1_000_000
    )
    await writer.drain()
    writer.close()
    await api.wait_for_log(r"(?m)^(?=.*request_id=hung-up).*status_code=")
    [line] = [line for line in api.log().splitlines() if "request_id=hung-up" in line]
    assert "status_code=422" in line
    assert stored() == []


async def test_a_backup_is_for_an_operator_to_ask_for(
    client: httpx.AsyncClient, make_account: MakeAccount, connect: Callable[[str | None], httpx.AsyncClient]
) -> None:
    refused = await client.post("/api/v1/jobs", json={"job_type": "BACK_UP", "payload": {}})
    assert refused.status_code == 403
    operator = connect((await make_account(UserRole.OPERATOR)).token)
    asked = await operator.post("/api/v1/jobs", json={"job_type": "BACK_UP", "payload": {}})
    assert asked.status_code == 201
    job = (await operator.get(asked.headers["location"])).json()
    assert (job["queue_name"], job["priority"]) == ("maintenance", "low")
