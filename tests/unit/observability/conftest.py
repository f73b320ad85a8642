from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from helpdesk.observability import journal
from helpdesk.observability.events import LogFormat, configure_logging
from tests.unit.observability.a_journal import AJournal

Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Configure logging as a process does, and undo it afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def do(service: str = "job-worker", *, level: str = "info", log_format: LogFormat = "journal") -> None:
        configure_logging(service, level=level, log_format=log_format)

    yield do
    for handler in root.handlers[:]:
        handler.close()
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:], root.level = before


@pytest.fixture
def a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AJournal]:
    listening = AJournal(tmp_path / "socket")
    monkeypatch.setattr(journal, "SOCKET", listening.path)
    yield listening
    listening.close()


@pytest.fixture
def told(a_journal: AJournal, configure: Configure) -> AJournal:
    """Return a journal that this process logs to."""
    configure()
    return a_journal
