"""Keep webhooks away from what is inside: the address that was checked is the address that is connected to."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore
import httpx

from helpdesk.errors import Invalid

Resolve = Callable[[str, int], Awaitable[list[str]]]

_LONGEST_URL = 2000
_LARGEST_PORT = 65535
_PORTS = {"https": 443, "http": 80}
# A name, or an address of either kind.
_HOST = re.compile(r"[a-z0-9_.-]+|[0-9a-f:.]+", re.IGNORECASE)
_RESOLVE_WITHIN_S = 5.0
# Everything else in IPv6 is for one link, one site, a group, or nothing yet.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# The well-known prefix through which IPv6-only networks reach IPv4 (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
# Special purposes by IANA's registries that the standard library of this Python counts as global, or did once.
_SPECIAL = tuple(
    ip_network(block)
    for block in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    )
)


class WebhookUrlRefused(Invalid):
    """Webhooks may not be sent to this address."""


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_outside(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address belongs to the public internet, and so does every address it stands for."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_outside(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.ipv4_mapped is not None:
            return is_outside(address.ipv4_mapped)
        if address.sixtofour is not None and not is_outside(address.sixtofour):
            return False
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast and not any(address in block for block in _SPECIAL)


class Guard:
    """Says which addresses of a host may be connected to.

    Args:
        allowed: networks the operator has named, separated by commas, that may be reached although they are inside.
        resolver: how a host's addresses are found.
    """

    def __init__(self, allowed: str = "", *, resolver: Resolve = resolve) -> None:
        self._named = tuple(ip_network(part.strip()) for part in allowed.split(",") if part.strip())
        self._resolve = resolver

    async def addresses(self, host: str, port: int, *, named_only: bool) -> list[str]:
        """Return the addresses of a host that may be connected to, at least one.

        Args:
            named_only: whether only the operator's networks count.

        Raises:
            WebhookUrlRefused: there is none. Which addresses there are is not told: it would map the inside.
        """
        try:
            async with asyncio.timeout(_RESOLVE_WITHIN_S):
                found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise WebhookUrlRefused(f"The host {host} is not known.") from error
        if named_only:
            kept = [address for address in found if self._is_named(_parsed(address))]
            wanted = "not encrypted, which only a network named in ATUM_WEBHOOK_ALLOW may be"
        else:
            kept = [address for address in found if self._is_named(_parsed(address)) or is_outside(_parsed(address))]
            wanted = "not on the public internet, nor in a network named in ATUM_WEBHOOK_ALLOW"
        if not kept:
            raise WebhookUrlRefused(f"The host {host} is {wanted}.")
        return kept

    def _is_named(self, address: IPv4Address | IPv6Address) -> bool:
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self._named_like(plain))

    def _named_like(self, address: IPv4Address | IPv6Address) -> Iterable[IPv4Network | IPv6Network]:
        return (network for network in self._named if network.version == address.version)


def _parsed(address: str) -> IPv4Address | IPv6Address:
    return ip_address(address.partition("%")[0])


async def check_url(url: str, guard: Guard) -> str:
    """Return the address in the form it is called in, when webhooks may be sent there.

    Raises:
        WebhookUrlRefused: with what is wrong with it.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise WebhookUrlRefused(f"This is not a URL: {error}.") from error
    host = parsed.raw_host.decode("ascii")
    port = parsed.port or _PORTS.get(parsed.scheme, 0)
    reachable = parsed.scheme in _PORTS and 0 < port <= _LARGEST_PORT and _HOST.fullmatch(host)
    if not reachable or len(str(parsed)) > _LONGEST_URL:
        raise WebhookUrlRefused("A webhook's URL is like https://example.com/path, at most 2000 characters.")
    if parsed.userinfo or parsed.fragment:
        raise WebhookUrlRefused("A webhook's URL has no user, password or fragment; requests are signed instead.")
    await guard.addresses(host, port, named_only=parsed.scheme == "http")
    return str(parsed)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to an address that was checked, never to a name: a name may mean another address a moment later.

    The name stays that of the request, so that TLS checks the certificate against it.
    """

    def __init__(self, guard: Guard, *, named_only: bool) -> None:
        self._guard = guard
        self._named_only = named_only
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (the library's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check, and connect to the first address that answers."""
        try:
            addresses = await self._guard.addresses(host, port, named_only=self._named_only)
        except WebhookUrlRefused as refusal:
            raise httpcore.ConnectError(refusal.detail) from refusal
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)
