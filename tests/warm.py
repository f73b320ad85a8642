"""`python -m …` as `subprocess` gives it, from a server that has loaded the product's modules: see `warm_server`.

What changes the interpreter itself, such as another clock or another allocator, is started the ordinary way, and so is
what a test wants to start from nothing.
"""

from __future__ import annotations

import atexit
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent
_INTERPRETERS = ("LD_", "PYTHON", "MALLOC_", "FAKETIME")
_MOST_BYTES = 64


class Process:
    """A process of its own, as `subprocess.Popen` shows one."""

    def __init__(self, connection: socket.socket, arguments: Sequence[str]) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self._connection = connection
        self._said = b""
        self.pid = int(self._line(None) or 0)

    def _line(self, timeout: float | None) -> str | None:
        """Return the next line of the server's; None when none arrives in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as ready:
            ready.register(self._connection, selectors.EVENT_READ)
            while b"\n" not in self._said:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not ready.select(left):
                    return None
                more = self._connection.recv(_MOST_BYTES)
                if not more:
                    raise RuntimeError(f"the server of warm processes ended: {self.args}")
                self._said += more
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def __del__(self) -> None:
        self._connection.close()

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and (line := self._line(timeout)) is not None:
            self.returncode = int(line)
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def start(
    *module_and_arguments: str | Path,
    environment: Mapping[str, str],
    folder: Path = REPOSITORY,
    output: Any = subprocess.DEVNULL,
    errors: Any = subprocess.DEVNULL,
    new_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `python -m MODULE ARGUMENTS` with exactly this environment, its output in open files or nowhere."""
    module, *arguments = map(str, module_and_arguments)
    if _needs_another_interpreter(environment):
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=new_session,
        )
    request = {
        "module": module,
        "arguments": arguments,
        "environment": dict(environment),
        "folder": str(folder),
        "session": new_session,
    }
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(_server())
    with Path(os.devnull).open("r+b") as nothing:
        files = [nothing.fileno()]
        files += [nothing.fileno() if one == subprocess.DEVNULL else one.fileno() for one in (output, errors)]
        socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], files)
    return Process(connection, [module, *arguments])  # type: ignore[return-value]


def run(
    *module_and_arguments: str | Path,
    environment: Mapping[str, str],
    folder: Path = REPOSITORY,
    timeout: float = 120.0,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE ARGUMENTS` to its end and return its exit code and what it said."""
    done = run_for_bytes(*module_and_arguments, environment=environment, folder=folder, timeout=timeout)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def run_for_bytes(
    *module_and_arguments: str | Path,
    environment: Mapping[str, str],
    folder: Path = REPOSITORY,
    timeout: float = 120.0,
) -> subprocess.CompletedProcess[bytes]:
    """Run it as `run` does; what it said is left as it is."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start(*module_and_arguments, environment=environment, folder=folder, output=output, errors=errors)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        said = []
        for file in (output, errors):
            file.seek(0)
            said.append(file.read())
    return subprocess.CompletedProcess(process.args, code, *said)


def _needs_another_interpreter(environment: Mapping[str, str]) -> bool:
    def settings(of: Mapping[str, str]) -> dict[str, str]:
        return {name: of[name] for name in of if name.startswith(_INTERPRETERS) and name != "PYTHONPATH"}

    return settings(environment) != settings(os.environ)


@cache
def _server() -> str:
    """Start the server of this test process, which ends with it, and return where it listens."""
    folder = Path(tempfile.mkdtemp(prefix="atum-warm-"))
    address = str(folder / "socket")
    ours, theirs = socket.socketpair()
    with socket.socket(socket.AF_UNIX) as listener, theirs:
        listener.bind(address)
        listener.listen(128)
        files = (listener.fileno(), theirs.fileno())
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_server", *map(str, files)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            pass_fds=files,
            start_new_session=True,
        )
    atexit.register(_end, server, ours, folder)
    return address


def _end(server: subprocess.Popen[bytes], ours: socket.socket, folder: Path) -> None:
    ours.close()
    server.wait(10)
    shutil.rmtree(folder, ignore_errors=True)
