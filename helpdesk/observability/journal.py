"""Log events to systemd's journal, each value a field that can be asked for: `journalctl TICKET_ID=…`."""

from __future__ import annotations

import array
import errno
import fcntl
import logging
import os
import socket
import struct
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from helpdesk.observability.journal_fields import fields_of, packed, priority_of

SOCKET = Path("/run/systemd/journal/socket")
# An entry that waits for the journal holds up everything in its process: then it is given up.
_PATIENCE = struct.pack("ll", 1, 0)  # seconds, microseconds
_TOO_LARGE = (errno.EMSGSIZE, errno.ENOBUFS)
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

log = structlog.get_logger(__name__)


def is_journal(fd: int = 2) -> bool:
    """Return whether a file descriptor, standard error by default, is the stream that systemd reads for the journal."""
    try:
        found = os.fstat(fd)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _is_ours(record: logging.LogRecord) -> bool:
    # What structlog has wrapped; also a library may log a mapping.
    return hasattr(record, "_logger")


class JournalHandler(logging.Handler):
    """Sends each record as one entry; what cannot be sent goes to another handler, and nothing is ever raised.

    Args:
        identifier: SYSLOG_IDENTIFIER of every entry, what `journalctl -t` takes.
        service: SERVICE of every entry.
        foreign: makes an event of what a library logs; an event of our own has been through it already.
        last: what every event goes through at the end.
        fallback: takes the records that the journal does not.
    """

    def __init__(
        self,
        *,
        identifier: str,
        service: str,
        foreign: Sequence[structlog.typing.Processor],
        last: Sequence[structlog.typing.Processor],
        fallback: logging.Handler,
        path: Path | None = None,
    ) -> None:
        super().__init__()
        self._fixed = {"SYSLOG_IDENTIFIER": identifier, "SERVICE": service}
        self._foreign = foreign
        self._last = last
        self._fallback = fallback
        self._path = str(SOCKET if path is None else path)
        self._lost = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            self._send(packed(self._entry(record)))
        except BlockingIOError:
            # Standard error ends at the same journal, and would be waited for without end.
            self._lost += 1
            return
        except Exception:  # a line of the log is no reason to fail for whoever wrote it
            self._fall_back(record)
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            log.warning("journal_entries_lost", entries=lost)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()

    def _entry(self, record: logging.LogRecord) -> dict[str, str]:
        event = self._event(record)
        fields = fields_of(event)
        fields |= self._fixed | {
            "PRIORITY": str(priority_of(record.levelno)),
            "LOGGER": record.name,
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName or "",
        }
        if _is_ours(record):
            fields["EVENT"] = str(event.get("event", ""))
        return fields

    def _event(self, record: logging.LogRecord) -> MutableMapping[str, Any]:
        event: Any = record.msg
        if _is_ours(record):
            event, processors = dict(event), self._last
        else:
            event = {"event": record.getMessage()} | ({"exc_info": record.exc_info} if record.exc_info else {})
            processors = [*self._foreign, *self._last]
        for processor in processors:
            event = processor(None, record.levelname.lower(), event)
        return event  # type: ignore[no-any-return]

    def _send(self, entry: bytes) -> None:
        """Send by path each time, so that a restart of the journal is not even noticed."""
        flags = socket.MSG_DONTWAIT if self._lost else 0
        try:
            self._socket.sendto(entry, flags, self._path)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            self._send_as_file(entry, flags)

    def _send_as_file(self, entry: bytes, flags: int) -> None:
        """Send an entry that is too large for a datagram in a sealed file, which the journal reads in place."""
        fd = os.memfd_create("journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with open(fd, "wb", closefd=False) as file:
                file.write(entry)
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
            handed_over = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
            self._socket.sendmsg([b""], handed_over, flags, self._path)
        finally:
            os.close(fd)

    def _fall_back(self, record: logging.LogRecord) -> None:
        try:
            self._fallback.handle(record)
        except Exception:
            self.handleError(record)
