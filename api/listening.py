"""The sockets that a server listens on: handed over by the service manager, or opened here."""

from __future__ import annotations

import socket

from helpdesk.errors import Unavailable
from helpdesk.supervision.sockets import listening

_WAITING = 2048


class CannotListen(Unavailable):
    """The address cannot be listened on."""


def handed_over() -> list[socket.socket]:
    """Return the sockets that the service manager opened for this process and keeps when it ends; mostly none.

    Raises:
        CannotListen: one of them is none that clients connect to.
    """
    found = [socket.socket(fileno=descriptor) for descriptor in listening().values()]
    for each in found:
        if each.type != socket.SOCK_STREAM or not each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise CannotListen(f"The socket handed over as descriptor {each.fileno()} is not a listening stream.")
    return found


def open_listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address, with port 0 on any free one.

    Raises:
        OSError: somebody else has it, or it is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: only on such a socket does asyncio turn Nagle's algorithm off, which costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_WAITING)
    except OSError:
        listener.close()
        raise
    return listener


def place_of(listener: socket.socket) -> dict[str, str | int]:
    """Return where a socket listens, for the log: host and port, or the path of a UNIX socket."""
    address = listener.getsockname()
    return {"path": str(address)} if listener.family == socket.AF_UNIX else {"host": address[0], "port": address[1]}
