"""Settings that a running process reads again when it is told to."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest
import structlog

from helpdesk.observability.level import set_log_level
from helpdesk.supervision.environment_file import reread
from helpdesk.supervision.hangup import on_hangup


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("ATUM_LOG_LEVEL=debug\n", "debug"),
        ("# ATUM_LOG_LEVEL=debug\n", None),
        ("ATUM_LOG_LEVEL=info\nATUM_LOG_LEVEL='debug'\n", "debug"),
        ('  ATUM_LOG_LEVEL = "debug"  \n', "debug"),
        ("ATUM_LOG_LEVEL=\n", None),
        ("ATUM_LOG_LEVEL='debug\n", "'debug"),
        ("ATUM_LOG_LEVELS=debug\nLOG_LEVEL=debug\n", None),
        ("", None),
    ],
)
def test_a_variable_is_read_from_the_file_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, level: str | None
) -> None:
    file = tmp_path / "atum-desk.env"
    file.write_text(text)
    monkeypatch.setenv("ATUM_ENVIRONMENT_FILE", str(file))

    assert reread("ATUM_LOG_LEVEL") == level


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATUM_ENVIRONMENT_FILE", raising=False)
    assert reread("ATUM_LOG_LEVEL") is None

    monkeypatch.setenv("ATUM_ENVIRONMENT_FILE", str(tmp_path / "gone"))
    assert reread("ATUM_LOG_LEVEL") is None


async def test_a_hangup_is_heeded_under_a_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    heard = asyncio.Event()
    on_hangup(heard.set)
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(5):
            await heard.wait()
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)


async def test_a_hangup_of_the_terminal_keeps_its_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    on_hangup(lambda: None)

    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL


def test_the_level_of_a_running_process_changes(capsys: pytest.CaptureFixture[str]) -> None:
    root, configured = logging.getLogger(), structlog.get_config()
    before = root.level
    log = structlog.get_logger("some.module")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory())
    try:
        set_log_level("warning")
        log.info("unheard")
        set_log_level("debug")
        log.debug("heard")
        set_log_level("chatty")
        assert root.level == logging.DEBUG
    finally:
        root.setLevel(before)
        structlog.configure(**configured)
    said = capsys.readouterr().out
    assert "unheard" not in said
    assert "heard" in said
    assert "log_level_refused" in said
