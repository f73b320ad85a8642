"""Sockets that come with a process, seen by a real one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from helpdesk.supervision.sockets import listening

_CHILD = """
import json, os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
from helpdesk.supervision.sockets import listening
found = listening()
print(json.dumps([found, [os.get_inheritable(fd) for fd in found.values()]]))
"""


def _child(sockets: int, **variables: str) -> list[object]:
    """Run a process that gets so many sockets from descriptor 3 on, and return what it finds."""
    made = [socket.create_server(("127.0.0.1", 0)) for _ in range(sockets)]

    def hand_over() -> None:
        # Out of the way first: one of them may be descriptor 3 already.
        high = [os.dup2(each.fileno(), 100 + place) for place, each in enumerate(made)]
        for place, descriptor in enumerate(high):
            os.dup2(descriptor, 3 + place)

    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD],
            env={"PATH": os.environ["PATH"], **variables},
            check=True,
            capture_output=True,
            text=True,
            pass_fds=range(3, 3 + sockets),
            preexec_fn=hand_over,
        )
    finally:
        for each in made:
            each.close()
    answer: list[object] = json.loads(done.stdout)
    return answer


def test_sockets_are_found_by_their_names_and_stay_in_the_process() -> None:
    assert _child(2, LISTEN_FDS="2", LISTEN_FDNAMES="http:metrics") == [{"http": 3, "metrics": 4}, [False, False]]


def test_no_socket_is_lost_where_names_are_alike_or_missing() -> None:
    found, _ = _child(3, LISTEN_FDS="3", LISTEN_FDNAMES="http:http")

    assert found == {"http": 3, "http.2": 4, "fd5": 5}


@pytest.mark.parametrize(("listen_pid", "number"), [("1", "1"), ("", "1"), ("self", ""), ("self", "all")])
def test_sockets_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch, listen_pid: str, number: str) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()) if listen_pid == "self" else listen_pid)
    monkeypatch.setenv("LISTEN_FDS", number)

    assert listening() == {}
