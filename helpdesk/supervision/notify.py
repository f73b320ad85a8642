"""Tell the service manager how a process does: sd_notify(3), by its plain protocol of one datagram a message.

Where no service manager asked for it, every function does nothing.
"""

from __future__ import annotations

import os
import socket

# systemd reads at most so much of a status, and more than a line of it serves nobody.
_LONGEST_LINE = 500
# A manager too busy to read is not worth a blocked event loop.
_WAIT_S = 0.2


def notify(*lines: str) -> bool:
    """Send assignments such as `READY=1` and `STATUS=serving` to $NOTIFY_SOCKET in one message.

    Return whether it was sent: False without a manager, and where its socket is gone or full. A line break within a
    line becomes a space, so that no text can forge an assignment.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    message = "\n".join(" ".join(line.splitlines())[:_LONGEST_LINE] for line in lines)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(_WAIT_S)
        try:
            # An @ stands for the NUL byte that begins the name of a socket without a file.
            sender.sendto(message.encode(), f"\0{address[1:]}" if address[0] == "@" else address)
        except OSError:
            return False
    return True


def watchdog_interval() -> float | None:
    """Return the seconds between two `WATCHDOG=1`, half of what the manager allows.

    None when it watches nobody, or another process than this one.
    """
    allowed_us = os.environ.get("WATCHDOG_USEC", "")
    meant_for = os.environ.get("WATCHDOG_PID") or str(os.getpid())
    if meant_for != str(os.getpid()) or not allowed_us.isdecimal() or int(allowed_us) == 0:
        return None
    return int(allowed_us) / 2_000_000
