"""What the journal gets of a log event: every value a field, one entry each, nothing forged, nothing raised."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import struct
import sys
import threading
import traceback
import warnings
from pathlib import Path

import pytest
import structlog

from helpdesk.observability import journal
from helpdesk.observability.journal_fields import field_name
from tests.unit.observability.a_journal import AJournal
from tests.unit.observability.conftest import Configure

TICKET = "01932345-1234-7123-8123-123456789012"


def test_every_bound_value_is_a_field_and_stands_in_the_message(told: AJournal) -> None:
    with structlog.contextvars.bound_contextvars(ticket_id=TICKET, request_id="r-1"):
        structlog.get_logger("helpdesk.rag").info(
            "passages_found", hits=5, share=0.25, cut=True, nothing=None, q="a b", of=["kb", "faq"]
        )

    [entry] = told.entries()
    assert (
        entry["MESSAGE"]
        == f'passages_found hits=5 share=0.25 cut=true q="a b" of=kb,faq ticket_id={TICKET} request_id=r-1'
    )
    assert entry | {"CODE_LINE": ""} == {
        "MESSAGE": entry["MESSAGE"],
        "HITS": "5",
        "SHARE": "0.25",
        "CUT": "true",
        "Q": "a b",
        "OF": "kb,faq",
        "TICKET_ID": TICKET,
        "REQUEST_ID": "r-1",
        "EVENT": "passages_found",
        "SERVICE": "job-worker",
        "SYSLOG_IDENTIFIER": "atum-desk-job-worker",
        "PRIORITY": "6",
        "LOGGER": "helpdesk.rag",
        "CODE_FILE": __file__,
        "CODE_FUNC": "test_every_bound_value_is_a_field_and_stands_in_the_message",
        "CODE_LINE": "",
    }


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", "7"), ("info", "6"), ("warning", "4"), ("error", "3"), ("critical", "2")]
)
def test_levels_become_priorities(a_journal: AJournal, configure: Configure, level: str, priority: str) -> None:
    configure(level="debug")
    getattr(structlog.get_logger(), level)("it_happened")

    assert a_journal.last()["PRIORITY"] == priority


def test_a_traceback_is_part_of_its_entry_and_indented(told: AJournal) -> None:
    try:
        raise ValueError("first line\nNov 22 10:00:00 host sshd[1]: Accepted password for root")
    except ValueError:
        structlog.get_logger().exception("it_failed", step="embed")

    [entry] = told.entries()
    first, *below = entry["MESSAGE"].split("\n")
    assert first == "it_failed step=embed"
    assert below[0] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") for line in below)
    assert entry["PRIORITY"] == "3"


def test_no_field_of_an_event_takes_a_name_that_means_something_else(told: AJournal) -> None:
    structlog.get_logger().info(
        "said",
        message="m",
        priority=0,
        _pid=1,
        syslog_identifier="sshd",
        code_file="x",
        object_pid=1,
        coredump_unit="y",
        unit="z",
        errno=5,
        **{"": "empty", "1st": "digit", "ticket-id": "dash", "a" * 90: "long", "MESSAGE": "capital"},
    )

    entry = told.last()
    assert entry["MESSAGE"].startswith("said message=m priority=0 _pid=1 ")
    assert (entry["PRIORITY"], entry["SYSLOG_IDENTIFIER"], entry["CODE_FILE"]) == (
        "6",
        "atum-desk-job-worker",
        __file__,
    )
    assert {name: entry[name] for name in entry if name.startswith("ATUM_")} == {
        "ATUM_MESSAGE": "m",
        "ATUM_PRIORITY": "0",
        "ATUM_SYSLOG_IDENTIFIER": "sshd",
        "ATUM_CODE_FILE": "x",
        "ATUM_OBJECT_PID": "1",
        "ATUM_COREDUMP_UNIT": "y",
        "ATUM_UNIT": "z",
        "ATUM_ERRNO": "5",
        "ATUM_": "empty",
        "ATUM_1ST": "digit",
    }
    assert (entry["PID"], entry["TICKET_ID"], entry["A" * 64]) == ("1", "dash", "long")
    assert "OBJECT_PID" not in entry


def test_the_names_people_ask_for_are_their_own() -> None:
    asked_for = ("ticket_id", "job_id", "job_type", "organization_id", "request_id", "trace_id", "worker_id", "user_id")

    assert [field_name(name) for name in asked_for] == [name.upper() for name in asked_for]


def test_secrets_and_what_people_wrote_are_in_neither_message_nor_fields(told: AJournal) -> None:
    try:
        raise RuntimeError("cannot reach postgresql://atum:hunter2@db/atum for kim@desk.example")
    except RuntimeError as error:
        structlog.get_logger().exception(
            "it_failed",
            error=error,
            body="My cat is ill",
            api_token="s3cret",
            more={"to": ["kim@desk.example"], "password": "s3cret"},
            url="https://kim:hunter2@desk.example/",
        )
    logging.getLogger("library").error("login of %s with password=%s failed", "kim@desk.example", "s3cret")

    everything = repr(told.entries())
    for secret in ("hunter2", "kim@desk.example", "My cat", "s3cret"):
        assert secret not in everything
    assert "RuntimeError" in everything


def test_a_huge_entry_arrives_whole_in_a_sealed_file(told: AJournal) -> None:
    try:
        raise ValueError("word " * 60_000)
    except ValueError:
        structlog.get_logger().exception("it_failed", ticket_id=TICKET)

    entry = told.last()
    assert told.files == 1
    assert entry["MESSAGE"].endswith("word " * 59_999 + "word ")
    assert (entry["TICKET_ID"], entry["PRIORITY"]) == (TICKET, "3")


def test_what_libraries_log_comes_the_same_way_without_an_event_of_ours(told: AJournal) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.\njob_id=%s", "x")
        logging.getLogger("sqlalchemy.pool").error({"not": "ours"})

    first, second = told.entries()
    assert first["MESSAGE"] == r"Invalid HTTP request received.\njob_id=x request_id=r-1"
    assert (first["LOGGER"], first["PRIORITY"], first["REQUEST_ID"]) == ("uvicorn.error", "4", "r-1")
    assert first["SYSLOG_IDENTIFIER"] == "atum-desk-job-worker"
    assert not first.keys() & {"EVENT", "JOB_ID"}
    assert (second["MESSAGE"], second["LOGGER"]) == ("{'not': 'ours'} request_id=r-1", "sqlalchemy.pool")


def test_a_traceback_that_a_library_logs_as_text_is_one(told: AJournal) -> None:
    try:
        raise OSError("cannot listen, kim@desk.example")
    except OSError:
        logging.getLogger("uvicorn.error").error(traceback.format_exc())  # noqa: TRY400 (as uvicorn does)

    [entry] = told.entries()
    first, *below = entry["MESSAGE"].split("\n")
    assert first == "OSError: cannot listen, [email]"
    assert (below[0], below[-1]) == ("  Traceback (most recent call last):", "  OSError: cannot listen, [email]")


def test_warnings_are_entries(told: AJournal) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("this goes away", DeprecationWarning, stacklevel=1)

    entry = told.last()
    assert (entry["LOGGER"], entry["PRIORITY"]) == ("py.warnings", "4")
    assert "DeprecationWarning: this goes away" in entry["MESSAGE"]


def test_what_nobody_caught_is_one_entry_in_the_main_thread_and_in_others(told: AJournal) -> None:
    try:
        raise KeyError("missing")
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    thread = threading.Thread(target=lambda: {}["gone"])
    thread.start()
    thread.join()

    first, second = told.entries()
    for entry, key in ((first, "missing"), (second, "gone")):
        assert (entry["EVENT"], entry["PRIORITY"], entry["SERVICE"]) == ("uncaught_exception", "2", "job-worker")
        assert entry["MESSAGE"].endswith(f"  KeyError: '{key}'")


def test_what_a_task_dies_of_unseen_is_an_entry(told: AJournal) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": OSError("broken")})

    asyncio.run(run())

    entry = told.last()
    assert (entry["LOGGER"], entry["PRIORITY"]) == ("asyncio", "3")
    assert entry["MESSAGE"].startswith("Task exception was never retrieved\n  ")
    assert entry["MESSAGE"].endswith("  OSError: broken")


def test_the_journal_may_begin_anew_at_any_time(told: AJournal) -> None:
    structlog.get_logger().info("before")
    assert told.last()["EVENT"] == "before"
    told.close()
    told.path.unlink()
    again = AJournal(told.path)
    structlog.get_logger().info("after")

    assert again.last()["EVENT"] == "after"
    again.close()


def test_without_a_journal_lines_go_to_standard_error(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(journal, "SOCKET", tmp_path / "nowhere")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure()
    structlog.get_logger().info("it_happened", job_id="j-1")
    logging.getLogger("library").warning("so did %s", "this")

    first, second = stream.getvalue().splitlines()
    assert "level=info event=it_happened job_id=j-1" in first
    assert 'level=warning event="so did this"' in second


def test_values_that_cannot_be_said_raise_nothing(told: AJournal, capsys: pytest.CaptureFixture[str]) -> None:
    class Unsayable(ValueError):
        def __str__(self) -> str:
            raise RuntimeError

    structlog.get_logger().info("it_failed", error=Unsayable(), ends={1: {2}, (3,): object})

    assert told.last()["ERROR"] == "Unsayable"


def test_entries_that_the_journal_does_not_take_in_time_are_counted(
    a_journal: AJournal, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_PATIENCE", struct.pack("ll", 0, 1000))
    configure()
    a_journal.fill()
    structlog.get_logger().info("lost")
    structlog.get_logger().info("lost")
    a_journal.entries()
    structlog.get_logger().info("heard")

    heard, counted = a_journal.entries()
    assert (heard["EVENT"], counted["EVENT"], counted["ENTRIES"]) == ("heard", "journal_entries_lost", "2")


def test_auto_is_the_journal_where_systemd_reads_standard_error(
    a_journal: AJournal, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
    configure(log_format="auto")
    structlog.get_logger().info("it_happened")

    assert a_journal.last()["EVENT"] == "it_happened"


@pytest.mark.parametrize("stream", ["1:2", "", "x"])
def test_auto_is_not_the_journal_where_standard_error_goes_elsewhere(
    a_journal: AJournal, configure: Configure, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", stream)
    lines = io.StringIO()
    monkeypatch.setattr(sys, "stderr", lines)
    configure(log_format="auto")
    structlog.get_logger().info("it_happened")

    assert a_journal.entries() == []
    assert lines.getvalue().startswith("timestamp=")


def test_lines_for_the_journal_begin_with_their_priority(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    found = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
    monkeypatch.setattr(journal, "SOCKET", Path("/nonexistent/socket"))
    lines = io.StringIO()
    monkeypatch.setattr(sys, "stderr", lines)
    configure(log_format="auto")
    structlog.get_logger().warning("it_happened", words="a\nb")

    assert lines.getvalue().startswith("<4>timestamp=")
    assert lines.getvalue().count("\n") == 1
