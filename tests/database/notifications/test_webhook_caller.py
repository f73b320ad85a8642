"""What is connected to is what was checked, by the name that was asked for."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from helpdesk.notifications.webhooks.guard import Guard, check_url
from helpdesk.notifications.webhooks.signing import WebhookCaller
from tests.database.notifications.http_receiver import Receiver, http_receiver


class Resolver:
    """Answers in turn, the last answer for good, and counts how often it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, _host: str, _port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def caller(resolver: Resolver, *, allowed: str = "") -> AsyncIterator[WebhookCaller]:
    calling = WebhookCaller(Guard(allowed, resolver=resolver), timeout_s=5)
    try:
        yield calling
    finally:
        await calling.close()


async def test_a_name_that_means_another_address_once_it_was_checked_leads_nowhere(receiver: Receiver) -> None:
    url = f"https://rebinding.example:{receiver.port}/"
    resolver = Resolver(["8.8.8.8"], ["127.0.0.1"])
    await check_url(url, Guard(resolver=resolver))
    async with caller(resolver) as calling:
        answer = await calling.post(url, headers={}, body=b"{}")
    assert answer.status is None
    assert "not on the public internet" in (answer.error or "")
    assert resolver.asked == 2
    assert receiver.received == []


async def test_a_name_is_asked_for_once_and_its_answer_is_what_is_connected_to(receiver: Receiver) -> None:
    # Were the name looked up again to connect, or by the system, there would be nobody at the other end.
    resolver = Resolver(["127.0.0.1"], ["203.0.113.7"])
    async with caller(resolver, allowed="127.0.0.1/32") as calling:
        answer = await calling.post(f"http://receiver.example:{receiver.port}/", headers={}, body=b"{}")
    assert (answer.status, answer.error) == (200, None)
    assert resolver.asked == 1
    assert receiver.received[0].headers["host"] == f"receiver.example:{receiver.port}"


async def test_the_address_that_was_checked_is_the_one_at_the_other_end() -> None:
    async with http_receiver("127.0.0.2") as checked, http_receiver("127.0.0.1", port=checked.port) as other:
        url = f"http://receiver.example:{checked.port}/"
        # Each answer is for one question: whoever asked twice would end at the other one.
        resolver = Resolver(["127.0.0.2"], ["127.0.0.1"])
        async with caller(resolver, allowed="127.0.0.0/8") as calling:
            answers = [await calling.post(url, headers={}, body=b"{}") for _ in range(3)]
        assert [answer.status for answer in answers] == 3 * [200]
        # The connection is kept, and so is its end.
        assert (len(checked.received), checked.connections, len(other.received)) == (3, 1, 0)
        # Of several addresses only those that may be reached are, whatever their order.
        mixed = Resolver(["127.0.0.1", "::1", "169.254.169.254", "127.0.0.2", "::ffff:127.0.0.1"])
        async with caller(mixed, allowed="127.0.0.2") as calling:
            assert (await calling.post(url, headers={}, body=b"{}")).status == 200
        assert (len(checked.received), other.connections) == (4, 0)


async def test_a_redirect_inside_is_not_followed() -> None:
    async with http_receiver() as inside, http_receiver() as receiver:
        for status in (301, 302, 303, 307, 308):
            receiver.behaviours = [status]
            receiver.location = inside.url
            async with caller(Resolver(["127.0.0.1"]), allowed="127.0.0.1") as calling:
                answer = await calling.post(receiver.url, headers={}, body=b"{}")
            assert answer.error == f"answered {status}, and redirects are not followed"
        assert (len(receiver.received), inside.connections) == (5, 0)


class Aliases:
    """Follows aliases to addresses, as a resolver does for its caller."""

    def __init__(self, **names: str | list[str]) -> None:
        self.names = {name.replace("_", "."): meaning for name, meaning in names.items()}

    async def __call__(self, host: str, _port: int) -> list[str]:
        meaning = self.names[host]
        return meaning if isinstance(meaning, list) else await self(meaning, _port)


async def test_a_chain_of_aliases_is_judged_by_where_it_ends(receiver: Receiver) -> None:
    names = Aliases(hooks_example="cdn.example", cdn_example="db.internal", db_internal=["10.0.0.5", "127.0.0.1"])
    async with caller(names) as calling:
        answer = await calling.post(f"https://hooks.example:{receiver.port}/", headers={}, body=b"{}")
    assert "not on the public internet" in (answer.error or "")
    assert receiver.connections == 0


async def test_the_next_address_is_tried_when_one_does_not_answer(receiver: Receiver) -> None:
    resolver = Resolver(["127.0.0.2", "10.0.0.1", "127.0.0.1"])
    async with caller(resolver, allowed="127.0.0.0/8") as calling:
        answer = await calling.post(f"http://receiver.example:{receiver.port}/", headers={}, body=b"{}")
    assert answer.status == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate that nobody has signed but itself."""
    folder = tmp_path_factory.mktemp("certificate")
    made = folder / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=receiver.example", "-addext", "subjectAltName=DNS:receiver.example"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")),
        ],
        check=True,
        capture_output=True,
    )
    made.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return made


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with http_receiver(tls=context) as receiver, caller(Resolver(["127.0.0.1"]), allowed="127.0.0.1") as calling:
        answer = await calling.post(f"https://receiver.example:{receiver.port}/", headers={}, body=b"{}")
    assert "CERTIFICATE_VERIFY_FAILED" in (answer.error or "")
    assert receiver.received == []


async def test_a_certificate_is_checked_against_the_name_though_an_address_is_connected_to(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trusting(**_options: object) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(certificate))

    monkeypatch.setattr("helpdesk.notifications.webhooks.signing.httpx.create_ssl_context", trusting)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with http_receiver(tls=context) as receiver, caller(Resolver(["127.0.0.1"]), allowed="127.0.0.1") as calling:
        right = await calling.post(f"https://receiver.example:{receiver.port}/", headers={}, body=b"{}")
        wrong = await calling.post(f"https://other.example:{receiver.port}/", headers={}, body=b"{}")
    assert right.status == 200
    assert "CERTIFICATE_VERIFY_FAILED" in (wrong.error or "")
