"""How far a job is, stored not more often than somebody watching needs it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncpg
import structlog

from helpdesk.queue.claim import JobInHand
from helpdesk.queue.link import CONNECTION_ERRORS
from helpdesk.queue.outcomes import LeaseLost

Report = Callable[[JobInHand, Mapping[str, Any]], Awaitable[bool]]

_EVERY_S = 1.0
_LONGEST_MESSAGE = 500

log = structlog.get_logger()


class Progress:
    """The progress of one run of a job.

    Args:
        report: stores it; returns False when the lease is lost.
    """

    def __init__(self, job: JobInHand, report: Report) -> None:
        self._job = job
        self._report = report
        self._percent = 0.0
        self._told: float | None = None
        self._checkpoint: dict[str, Any] | None = None

    async def tell(self, percent: float, message: str = "") -> None:
        """Store `{"percent", "message"}` unless something was stored within the last second; 100 always is.

        What cannot be stored because PostgreSQL is away is left out: progress is worth no failure.

        Raises:
            LeaseLost
        """
        before, self._percent = self._percent, max(self._percent, min(float(percent), 100.0))
        now, done = time.monotonic(), before < 100 <= self._percent
        if self._told is not None and now - self._told < _EVERY_S and not done:
            return
        await self._store(message)

    async def keep(self, checkpoint: Mapping[str, Any], *, percent: float, message: str = "") -> bool:
        """Store at once where another run of the job can go on, and keep it with all progress told from now on.

        Returns:
            False when PostgreSQL is away: another run would go on from an earlier place.

        Raises:
            LeaseLost
        """
        self._checkpoint = dict(checkpoint)
        self._percent = max(self._percent, min(float(percent), 100.0))
        return await self._store(message)

    async def _store(self, message: str) -> bool:
        self._told = time.monotonic()
        told: dict[str, Any] = {"percent": self._percent, "message": message[:_LONGEST_MESSAGE]}
        if self._checkpoint is not None:
            told["checkpoint"] = self._checkpoint
        try:
            held = await self._report(self._job, told)
        except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
            log.warning("progress_not_stored", error=f"{type(error).__name__}: {error}")
            return False
        if not held:
            raise LeaseLost(job_id=str(self._job.id))
        return True
