"""A pool of connections that says how long it keeps one waiting."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool.base import ConnectionPoolEntry

from helpdesk.observability.metrics.database import POOL_TIMEOUTS, POOL_WAIT, watch_pool
from helpdesk.observability.metrics.registry import labelled


class MeasuredPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool, measured where it hands out a connection; its `logging_name` names it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._name = self.logging_name or "other"
        watch_pool(self, name=self._name)
        # Of a count that first appears with a number, Prometheus sees no increase.
        labelled(POOL_TIMEOUTS, self._name)

    def _do_get(self) -> ConnectionPoolEntry:
        began = time.perf_counter()
        try:
            return super()._do_get()
        except PoolTimeout:
            labelled(POOL_TIMEOUTS, self._name).inc()
            raise
        finally:
            labelled(POOL_WAIT, self._name).observe(time.perf_counter() - began)
