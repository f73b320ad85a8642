"""Database URLs that name several servers."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

_USUAL_PORT = "5432"
# Of several servers one takes writes, and that is the one meant unless the URL says otherwise.
_USUALLY_MEANT = "read-write"


def one_form(url: str) -> str:
    """Return a database URL whose servers, where there are several, are in the query as `host=a,b&port=1,2`.

    That is the form SQLAlchemy reads, and the lists are those of libpq's variables. A URL of one server stays as it is.

    Raises:
        ValueError: when the ports are not as many as the hosts.
    """
    parts = urlsplit(url)
    login, at, place = parts.netloc.rpartition("@")
    query = parse_qsl(parts.query, keep_blank_values=True)
    named = ",".join(value for name, value in query if name == "host") or place
    if "," not in named:
        return url
    listed = ",".join(value for name, value in query if name == "port")
    servers = [_split(server) for server in named.split(",")]
    hosts = [host for host, _ in servers]
    ports = listed.split(",") if listed else [port for _, port in servers]
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts) or not all(hosts) or not all(port.isdecimal() for port in ports):
        raise ValueError("the database URL must name a host, and at most one port, for each server")
    rest = [(name, value) for name, value in query if name not in {"host", "port"}]
    if not any(name == "target_session_attrs" for name, _ in rest):
        rest.append(("target_session_attrs", _USUALLY_MEANT))
    both = [("host", ",".join(hosts)), ("port", ",".join(ports)), *rest]
    return f"{parts.scheme}://{login}{at}{parts.path}?{urlencode(both, safe='/,:')}"


def _split(server: str) -> tuple[str, str]:
    """Return the host and the port of `host`, `host:port`, `[address]:port` or a socket's folder."""
    if server.startswith("["):
        host, _, rest = server[1:].partition("]")
        return host, rest.removeprefix(":") or _USUAL_PORT
    host, colon, port = server.rpartition(":")
    return (host, port) if colon else (server, _USUAL_PORT)
