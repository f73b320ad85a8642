"""Sockets that the service manager opened and hands over: sd_listen_fds(3)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Container

_FIRST = 3


def listening() -> dict[str, int]:
    """Return the descriptors of the sockets that came with this process, by their names (FileDescriptorName=).

    Empty when there are none, or when they were meant for another process. The second socket of a name is called
    `name.2` and so on; one without a name goes by its number, such as `fd3`.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    number = os.environ.get("LISTEN_FDS", "")
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, int] = {}
    for index in range(int(number) if number.isdecimal() else 0):
        descriptor = _FIRST + index
        name = names[index] if index < len(names) else ""
        # Not for processes that this one starts.
        os.set_inheritable(descriptor, False)
        found[_unlike(found, name or f"fd{descriptor}")] = descriptor
    return found


def _unlike(taken: Container[str], name: str) -> str:
    numbers = itertools.count(2)
    free = name
    while free in taken:
        free = f"{name}.{next(numbers)}"
    return free
