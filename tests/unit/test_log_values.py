"""What a log may hold: no secret, nothing that identifies, no text that a customer wrote."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from helpdesk.observability.events import configure_logging


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root, before = logging.getLogger(), (logging.getLogger().handlers[:], logging.getLogger().level)
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging("test", log_format="json")
    yield stream
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:], root.level = before


def _last(lines: io.StringIO) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lines.getvalue().splitlines()[-1])
    return found


def test_values_are_redacted_however_deep_they_lie(lines: io.StringIO) -> None:
    structlog.get_logger().info(
        "mail_refused",
        reason="550 kim@desk.example unknown",
        more={"said": ["call +43 664 1234567", ("card 4111 1111 1111 1111",)]},
        count=3,
    )

    event = _last(lines)
    assert event["reason"] == "550 [email] unknown"
    assert event["more"] == {"said": ["call [phone]", ["card [card]"]]}
    assert (event["event"], event["count"], event["service"]) == ("mail_refused", 3, "test")


def test_what_people_wrote_and_what_unlocks_is_hidden_by_its_name(lines: io.StringIO) -> None:
    structlog.get_logger().warning(
        "ticket_refused",
        body="My cat is ill",
        subject="Cat",
        api_token="x",
        prompt_tokens=7,
        nested={"question": "Why?"},
    )

    event = _last(lines)
    assert [event[name] for name in ("body", "subject", "api_token")] == ["[hidden]"] * 3
    assert (event["prompt_tokens"], event["nested"]) == (7, {"question": "[hidden]"})


def test_libraries_lines_are_redacted_too(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("connecting to %s", "postgresql://atum:hunter2@db/atum")

    assert _last(lines)["event"] == "connecting to postgresql://atum:[secret]@db/atum"


def test_the_message_of_an_exception_is_redacted_and_its_traceback_stays(lines: io.StringIO) -> None:
    try:
        raise ValueError("refused kim@desk.example")
    except ValueError:
        structlog.get_logger().exception("it_failed")

    told = _last(lines)["exception"]
    assert "ValueError: refused [email]" in told
    assert "Traceback" in told


def test_long_values_and_bytes_are_cut(lines: io.StringIO) -> None:
    structlog.get_logger().info("read", words="a" * 5000, raw=b"12345", error=ValueError("kim@desk.example"))

    event = _last(lines)
    assert len(event["words"]) < 2100
    assert (event["raw"], event["error"]) == ("[5 bytes]", "[email]")


def test_ids_and_times_stay(lines: io.StringIO) -> None:
    structlog.get_logger().info("done", id="01932345-1234-7123-8123-123456789012", at="2026-11-22T10:15:00+00:00")

    event = _last(lines)
    assert (event["id"], event["at"]) == ("01932345-1234-7123-8123-123456789012", "2026-11-22T10:15:00+00:00")
