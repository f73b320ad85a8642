"""The part of a service manager that its services see: a socket for what they tell, and the variables that name it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
from pathlib import Path
from typing import Self


class ManagerSocket:
    """Receives what a process says of itself.

    Attributes:
        heard: every assignment so far, in order, such as `READY=1`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self.path)}

    def listen(self, *, within_s: float = 0.0) -> bool:
        """Take one message; return whether there was one."""
        # Zero does not wait at all.
        self._socket.settimeout(within_s)
        try:
            self.heard += self._socket.recv(65_536).decode().split("\n")
        except (TimeoutError, BlockingIOError):
            return False
        return True

    async def listen_for(
        self, wanted: str, *, of: subprocess.Popen[bytes], within_s: float = 60.0, times: int = 1
    ) -> None:
        """Take messages until an assignment has begun with `wanted` so many times; fail when its process ends first."""
        deadline = time.monotonic() + within_s
        while sum(each.startswith(wanted) for each in self.heard) < times:
            if not self.listen():
                assert of.poll() is None, f"the process ended with {of.returncode}, having said {self.heard}"
                assert time.monotonic() < deadline, f"{wanted} was not said within {within_s} s, only {self.heard}"
                await asyncio.sleep(0.01)

    def forget(self) -> None:
        """Forget what was heard, and what waits to be."""
        while self.listen():
            pass
        self.heard.clear()
