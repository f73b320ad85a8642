"""What is told to a service manager, over a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpdesk.supervision.notify import notify, watchdog_interval
from tests.manager_socket import ManagerSocket


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ManagerSocket]:
    with ManagerSocket(tmp_path / "notify") as made:
        monkeypatch.setenv("NOTIFY_SOCKET", str(made.path))
        yield made


def test_assignments_of_one_call_arrive_in_one_message(manager: ManagerSocket) -> None:
    assert notify("READY=1", "STATUS=7 of 10 slots busy")

    assert manager.listen(within_s=1)
    assert manager.heard == ["READY=1", "STATUS=7 of 10 slots busy"]
    assert not manager.listen()


@pytest.mark.parametrize("forged", ["a ticket\nREADY=1", "a ticket\r\nREADY=1", "a ticket\u2028READY=1"])
def test_text_cannot_forge_an_assignment(manager: ManagerSocket, forged: str) -> None:
    notify(f"STATUS={forged}")

    manager.listen(within_s=1)
    assert manager.heard == ["STATUS=a ticket READY=1"]


def test_a_long_status_is_cut(manager: ManagerSocket) -> None:
    assert notify("STATUS=" + "x" * 100_000)

    manager.listen(within_s=1)
    assert len(manager.heard[0]) == 500


def test_a_socket_without_a_file_is_reached_too(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"atum-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")

        assert notify("READY=1")
        receiver.settimeout(1)
        assert receiver.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "relative/path", "/nowhere/notify"])
def test_nothing_is_sent_where_nobody_listens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    assert not notify("READY=1")


def test_a_manager_that_does_not_read_is_not_waited_for(manager: ManagerSocket) -> None:
    sent = 0
    while notify("WATCHDOG=1"):
        sent += 1
        assert sent < 100_000, "the socket never filled"

    assert sent > 0


@pytest.mark.parametrize(
    ("allowed_us", "meant_for", "interval"),
    [
        ("60000000", "", 30.0),
        ("60000000", "self", 30.0),
        ("500000", "self", 0.25),
        ("60000000", "1", None),
        ("0", "self", None),
        ("", "self", None),
        ("soon", "self", None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks_by_whom_it_asks(
    monkeypatch: pytest.MonkeyPatch, allowed_us: str, meant_for: str, interval: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", allowed_us)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if meant_for == "self" else meant_for)

    assert watchdog_interval() == interval
