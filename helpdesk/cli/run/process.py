"""One process of a run: started, its lines passed on, started again when it crashes, stopped with all it started."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from helpdesk.cli.run.output import Output

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
# A process that ran this long is taken to have started well.
_STEADY_AFTER_S = 30.0
_LONGEST_LINE = 64_000

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Service:
    """A process to run.

    Attributes:
        name: stands before each of its lines.
        style: how the name looks on a terminal.
        stop_within_s: how long it may take to end by itself.
        restarts: whether it is started again when it ends.
        quiet: whether its lines go to its log file alone.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    style: str = "cyan"
    stop_within_s: float = 10.0
    restarts: bool = True
    quiet: bool = False


class Process:
    """A service that is kept alive until it is stopped."""

    def __init__(self, service: Service, output: Output) -> None:
        self.service = service
        self.starts = 0
        self.last_line = ""
        self._output = output
        self._stopping = asyncio.Event()
        self._child: asyncio.subprocess.Process | None = None
        self._code = 0
        self._task = asyncio.create_task(self._keep_alive(), name=service.name)

    @property
    def pid(self) -> int | None:
        """Return the id of the running process."""
        return self._child.pid if self._child and self._child.returncode is None else None

    async def wait(self) -> int:
        """Wait for the end of a service that is not started again, and return its exit code."""
        await self._task
        return self._code

    async def stop(self) -> None:
        """Ask the process to end, wait as long as it may take, then end it and all it has started."""
        self._stopping.set()
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait([self._task], timeout=self.service.stop_within_s)
        if not done:
            self._output.say(f"{self.service.name} did not stop within {self.service.stop_within_s:.0f} s; ending it.")
            self.kill()
            await asyncio.wait([self._task])
        self._task.result()

    def kill(self) -> None:
        """End the process and all it has started, at once."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    async def _keep_alive(self) -> None:
        pause_s = _FIRST_PAUSE_S
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            started = clock()
            code = self._code = await self._run_once()
            if self._stopping.is_set() or not self.service.restarts:
                return
            if clock() - started > _STEADY_AFTER_S:
                pause_s = _FIRST_PAUSE_S
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            self._output.say(f"{self.service.name} {how}; starting it again in {pause_s:g} s.", "yellow")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _run_once(self) -> int:
        self.starts += 1
        self._child = child = await asyncio.create_subprocess_exec(
            *self.service.command,
            env={**os.environ, **self.service.environment, "PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # A session of its own: Ctrl-C reaches the supervisor alone, which stops everything in order.
            start_new_session=True,
            preexec_fn=_end_with_parent(os.getpid()),
        )
        assert child.stdout is not None
        pump = asyncio.create_task(self._pass_on(child.stdout))
        code = await child.wait()
        self._signal_group(child.pid, signal.SIGKILL)
        await pump
        return code

    async def _pass_on(self, stream: asyncio.StreamReader) -> None:
        async for line in _lines(stream):
            self.last_line = line
            self._output.line(self.service.name, line, self.service.style, quiet=self.service.quiet)

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None:
            self._signal_group(self.pid, number)

    @staticmethod
    def _signal_group(pid: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)


def _end_with_parent(parent: int) -> Callable[[], None]:
    """Return what a new process runs first: ask the kernel for SIGTERM when the supervisor is gone, however it went."""

    def prepare() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Split a stream into lines, cutting those without end."""
    rest = b""
    while block := await stream.read(_LONGEST_LINE):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").rstrip("\r")
        if len(rest) >= _LONGEST_LINE:
            yield rest.decode(errors="replace")
            rest = b""
    if rest:
        yield rest.decode(errors="replace")
