"""Connections to the one of several servers that is meant, which after a failover is another one."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.util import to_list

# A host that is gone answers nothing at all; of several, the next one is to have its turn soon.
_PATIENCE_S = 10.0
_PATIENCE_OF_EACH_S = 3.0
_USUAL_PORT = 5432

# What only the driver's reader of URLs understands; it is handed on to it as it is.
_OF_TLS = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "sslpassword", "sslnegotiation")
# Another server may do in its place: not there, starting up or shutting down, of the other kind, cut off at the login.
_TRY_THE_NEXT = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TargetServerAttributeNotMatched,
)
# Seconds and times: silence is noticed after about ten seconds, also where a statement's answer is waited for. Without
# them a connection to a host that lost its power would be waited on for as long as a statement may take.
_NOTICE_SILENCE = (
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 4),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 2),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 10_000),
)


class NoSuitableServer(ConnectionError):
    """None of the servers is of the kind that is meant, such as one that takes writes."""


@dataclass(frozen=True)
class Servers:
    """Where a database is, and how to log in there.

    Attributes:
        addresses: host (a folder for a socket) and port of each server; an empty host is the driver's own choice.
        wanted: `target_session_attrs` in libpq's words: `read-write`, `standby`, `prefer-standby`, `any` ...
        login: the driver's arguments besides.
    """

    addresses: tuple[tuple[str, int], ...]
    wanted: str = "any"
    login: dict[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, url: str) -> Servers:
        """Read a URL in SQLAlchemy's form, with several servers as `?host=a,b&port=1,2`."""
        parts = make_url(url)
        query = {name: ",".join(to_list(value)) for name, value in parts.query.items()}
        hosts = query.get("host", parts.host or "").split(",")
        ports = [int(port) for port in query.get("port", str(parts.port or _USUAL_PORT)).split(",")]
        if len(ports) == 1:
            ports *= len(hosts)
        login = {
            "user": parts.username,
            "password": parts.password,
            "database": parts.database,
            "ssl": query.get("ssl") or query.get("sslmode"),
        }
        tls = "&".join(f"{name}={query[name]}" for name in _OF_TLS if name in query)
        given = {name: value for name, value in login.items() if value is not None}
        if tls:
            given["dsn"] = f"postgresql://?{tls}"
        return cls(tuple(zip(hosts, ports, strict=True)), query.get("target_session_attrs", "any"), given)

    async def connect(self, **arguments: Any) -> asyncpg.Connection:
        """Return a connection to the first server that is of the wanted kind, beginning with the one that was it last.

        Raises:
            OSError, asyncpg.PostgresError: what the last server tried said; `NoSuitableServer` where none fits.
        """
        passes = ("standby", "any") if self.wanted == "prefer-standby" else (self.wanted,)
        failed: Exception = NoSuitableServer("no server is named")
        for wanted in passes:
            for address in self._in_order():
                try:
                    connection = await self._connect(address, wanted, arguments)
                except asyncpg.TargetServerAttributeNotMatched:
                    failed = NoSuitableServer(f"{_spoken(address)} is there, but it is not {wanted}")
                except _TRY_THE_NEXT as error:
                    failed = error
                else:
                    _last[self] = address
                    _notice_silence(connection)
                    return connection
        raise failed

    async def _connect(self, address: tuple[str, int], wanted: str, arguments: dict[str, Any]) -> asyncpg.Connection:
        host, port = address
        patience = _PATIENCE_S if len(self.addresses) == 1 else _PATIENCE_OF_EACH_S
        place = {"host": host, "port": port} if host else {}
        return await asyncpg.connect(
            **(self.login | place | {"timeout": patience} | arguments), target_session_attrs=wanted
        )

    def _in_order(self) -> list[tuple[str, int]]:
        last = _last.get(self)
        # Only the last one is moved: what follows it keeps the order that the operator gave.
        return sorted(self.addresses, key=lambda address: address != last)


# Which server was the right one, for all connections of the process: else each of them would wait for one that is gone.
_last: dict[Servers, tuple[str, int]] = {}


def _spoken(address: tuple[str, int]) -> str:
    host, port = address
    return f"{host or 'localhost'}:{port}"


def _notice_silence(connection: asyncpg.Connection) -> None:
    """Have the system notice that the other side is gone without a word, as after a loss of power."""
    transport = getattr(connection, "_transport", None)
    held = transport.get_extra_info("socket") if transport is not None else None
    if held is None or held.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    for level, name, value in _NOTICE_SILENCE:
        if hasattr(socket, name):
            held.setsockopt(level, getattr(socket, name), value)


def is_standby(connection: asyncpg.Connection) -> bool:
    """Return whether a connection has come to a server that takes no writes, by what the server reports of itself."""
    told = connection.get_settings()
    return "on" in {getattr(told, name, "off") for name in ("in_hot_standby", "default_transaction_read_only")}
