"""A journal for tests: a datagram socket that reads entries exactly as systemd's journal does."""

from __future__ import annotations

import array
import fcntl
import os
import re
import select
import socket
from collections.abc import Iterator
from pathlib import Path

# What journald takes: see journal_field_valid() in its sources.
_VALID = re.compile(rb"[A-Z][A-Z0-9_]{0,63}\Z")
_SEALED = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class AJournal:
    """Listens at a path; `entries` are what has been sent to it since the last look.

    Attributes:
        files: how many entries came as sealed files.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def entries(self) -> list[dict[str, str]]:
        return [dict(parsed(sent)) for sent in self._sent()]

    def last(self) -> dict[str, str]:
        return self.entries()[-1]

    def fill(self) -> None:
        """Send until no more is taken before some has been read."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                while True:
                    sender.sendto(b"MESSAGE=x\n", str(self.path))
            except BlockingIOError:
                return

    def close(self) -> None:
        self._socket.close()

    def _sent(self) -> Iterator[bytes]:
        while select.select([self._socket], [], [], 0)[0]:
            room = socket.CMSG_SPACE(array.array("i", [0]).itemsize)
            sent, extra, _, _ = self._socket.recvmsg(1_000_000, room)
            if not extra:
                yield sent
                continue
            assert sent == b""
            [(_, _, packed)] = extra
            [fd] = array.array("i", packed)
            assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) == _SEALED
            with os.fdopen(fd, "rb") as file:
                file.seek(0)
                self.files += 1
                yield file.read()


def parsed(entry: bytes) -> list[tuple[str, str]]:
    """Return the fields of one entry in their order; fail where the journal would drop a field or the entry."""
    fields, rest = [], entry
    while rest:
        line, newline, after = rest.partition(b"\n")
        assert newline, f"an entry ends with a line break: {rest[:200]!r}"
        assert line, "an empty line ends an entry and begins another"
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(after[:8], "little")
            value, rest = after[8 : 8 + size], after[8 + size :]
            assert len(value) == size
            assert rest[:1] == b"\n"
            rest = rest[1:]
        else:
            rest = after
        assert _VALID.match(name), f"the journal drops a field {name!r}"
        fields.append((name.decode(), value.decode()))
    return fields
