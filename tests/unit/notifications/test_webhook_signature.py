from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpdesk.notifications.webhooks.signing import new_secret, sign, signed_headers

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def test_a_signature_is_the_one_of_the_published_example() -> None:
    # The worked example that the Standard Webhooks libraries test themselves with.
    signature = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_another_program_makes_the_same_signature() -> None:
    secret = new_secret()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary"]
    made = subprocess.run(command, input="id.17.Grüße".encode(), capture_output=True, check=True).stdout
    assert sign(secret, message_id="id", timestamp=17, body="Grüße".encode()) == "v1," + base64.b64encode(made).decode()


def test_each_key_that_counts_signs() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], message_id="id", body=b"{}", now=NOW)
    at = int(NOW.timestamp())
    assert headers["webhook-id"] == "id"
    assert headers["webhook-timestamp"] == str(at)
    assert headers["webhook-signature"].split() == [
        sign(new, message_id="id", timestamp=at, body=b"{}"),
        sign(old, message_id="id", timestamp=at, body=b"{}"),
    ]


def test_no_two_secrets_are_alike_and_each_is_long_enough() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in secrets} == {32}


def test_the_receiver_in_the_documents_tells_genuine_from_forged_and_new_from_old() -> None:
    page = (Path(__file__).parents[3] / "docs/webhooks.md").read_text("utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)  # what readers are told to run
    secret, body, now = new_secret(), b'{"type": "sla.breach"}', datetime.now(UTC)
    headers = signed_headers([new_secret(), secret], message_id="id", body=body, now=now)
    seen: set[str] = set()
    assert names["event_of"](headers, body, secret, seen=seen) == {"type": "sla.breach"}
    assert names["event_of"](headers, body, secret, seen=seen) is None
    old = signed_headers([secret], message_id="old", body=body, now=now - timedelta(minutes=6))
    forged = headers | {"webhook-id": "other"}
    for given, sent in ((headers, body + b" "), (old, body), (forged, body)):
        with pytest.raises(PermissionError):
            names["event_of"](given, sent, secret, seen=set())
