"""The pools of connections of a process."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from helpdesk.observability.metrics.registry import QUICK_S, Labels, Readings, counter, histogram

POOL_WAIT = histogram(
    "atum_database_pool_wait_seconds",
    "Wait for a connection of the pool, a new one's login included.",
    ("pool",),
    buckets=QUICK_S,
)
POOL_TIMEOUTS = counter(
    "atum_database_pool_timeouts_total", "Times that no connection of the pool came free in time.", ("pool",)
)
POOL_SIZE = Readings("atum_database_pool_connections", "Connections that the pool may open.", ("pool",))
POOL_IN_USE = Readings("atum_database_pool_connections_in_use", "Connections of the pool in use.", ("pool",))


class Pool(Protocol):
    """What is asked of a pool of connections."""

    def size(self) -> int:
        """Return how many connections it may open."""
        ...

    def checkedout(self) -> int:
        """Return how many are in use."""
        ...


_pools: weakref.WeakKeyDictionary[Pool, str] = weakref.WeakKeyDictionary()


def watch_pool(pool: Pool, *, name: str) -> None:
    """Show a pool under a name for as long as it lives; pools of one name are added up."""
    _pools[pool] = name


def _sizes() -> Mapping[Labels, float]:
    sizes: Counter[Labels] = Counter()
    for pool, name in list(_pools.items()):
        sizes[name,] += pool.size()
    return sizes


def _in_use() -> Mapping[Labels, float]:
    in_use: Counter[Labels] = Counter()
    for pool, name in list(_pools.items()):
        in_use[name,] += pool.checkedout()
    return in_use


POOL_SIZE.read, POOL_IN_USE.read = _sizes, _in_use
