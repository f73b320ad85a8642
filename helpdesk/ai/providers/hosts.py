"""Whether text that is sent to an address stays with whoever runs this product."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def stays_here(url: str, *, own_hosts: str) -> bool:
    """Return whether an address is this machine's, or one that the operator calls his own.

    Names are taken as they are written and never looked up: whoever answers for a name could move it elsewhere.

    Args:
        own_hosts: networks (`10.1.0.0/16`), addresses, host names, and domains with all names in them (`.lan.example`),
            separated by commas.
    """
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    return is_loopback(url) or any(_is_of(host, entry) for entry in entries_of(own_hosts))


def is_loopback(url: str) -> bool:
    """Return whether an address is this machine's own; 0.0.0.0 is, for whoever connects to it."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified


def entries_of(own_hosts: str) -> list[str]:
    """Return the entries of a list of hosts and networks, in small letters."""
    return [entry.strip().rstrip(".").lower() for entry in own_hosts.split(",") if entry.strip()]


def _is_of(host: str, entry: str) -> bool:
    try:
        network = ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return host == entry or (entry.startswith(".") and host.endswith(entry))
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False
