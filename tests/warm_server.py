"""Forks processes of the product whose modules are loaded already: most of a short test's time is their import.

A child is the process that `python -m MODULE ARGUMENTS` would be, with its own environment, files, signals and exit
code. Each request is a connection of its own: the command goes in, the process id comes out, and its end after it.
"""

from __future__ import annotations

import array
import gc
import importlib
import io
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

LOADED = (
    "workers.job_worker",
    "workers.rag_worker",
    "workers.sla_worker",
    "api.app",
    "uvicorn.protocols.http.auto",
    "helpdesk.cli.connection",
    "alembic.config",
)
_MOST_BYTES = 1 << 20
_FILES = 3


def serve(listener: socket.socket, parent: socket.socket) -> dict[str, Any] | None:
    """Fork until the parent is gone; in a child, return what it is to run."""
    waker, woken = socket.socketpair()
    for end in (waker, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as ready:
        for source in (listener, parent, waker):
            ready.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.fileobj is parent:
                    return None
                if key.fileobj is waker:
                    waker.recv(4096)
                    continue
                connection, _ = listener.accept()
                request, files = _receive(connection)
                child = os.fork()
                if child == 0:
                    signal.set_wakeup_fd(-1)
                    for one in (waker, woken, listener, parent, connection, *waiting.values()):
                        one.close()
                    _become(request, files)
                    return request
                for file in files:
                    os.close(file)
                waiting[child] = connection
                connection.sendall(f"{child}\n".encode())
            _tell_ends(waiting)


def _tell_ends(waiting: dict[int, socket.socket]) -> None:
    while waiting:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        with waiting.pop(child) as connection:
            try:
                connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            except OSError:  # nobody asks any more
                continue


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    said, files, _, _ = socket.recv_fds(connection, _MOST_BYTES, _FILES)
    while not said.endswith(b"\n"):
        said += connection.recv(_MOST_BYTES)
    return json.loads(said), list(array.array("i", files))


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Take on what a process has from its start."""
    if request["session"]:
        os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding="utf-8")
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace", line_buffering=True
    )
    sys.path[:0] = [request["folder"], *os.environ.get("PYTHONPATH", "").split(os.pathsep)]


def main() -> None:
    """Load, listen on the first of the sockets given by number, and run in each child what was asked for.

    The second one is closed when the test process ends.
    """
    listener, parent = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    for module in LOADED:
        # What is wrong with a module is for the process that needs it to say.
        with suppress(Exception):
            importlib.import_module(module)
    gc.collect()
    gc.freeze()
    asked = serve(listener, parent)
    if asked is not None:
        sys.argv[:] = ["-m", *asked["arguments"]]
        runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
