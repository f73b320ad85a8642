"""Heartbeats from a thread of their own: a blocked event loop keeps its leases, a cut-off worker gives them up."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog

from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from workers.counters import LoopLag

# Shares of the lease: no new work at 60 of 90 s without a beat, handlers cancelled at 80, rescued by others at 90.
STOP_CLAIMING_AT = 2 / 3
STOP_HANDLERS_AT = 8 / 9
_LOOP_BLOCKED_S = 1.0

# The worker's own row: whether it lives, how much it does, and how it feels.
_BEAT_WORKER = """
UPDATE workers SET last_seen = now(), running = $2, state = $3, stats = $4::jsonb WHERE id = $1 RETURNING id
"""

Notice = Callable[[UUID, int], None]

log = structlog.get_logger()


def _ignore(_row: UUID, _lease: int) -> None:
    return None


class Heartbeat:
    """Keeps the leases of one worker alive.

    Args:
        sql: a statement over ($1 uuid[] of rows, $2 jsonb {row: lease}, $3 worker) that renews the leases and returns
            `id, cancel` for each row that is still this worker's. None where a worker leases nothing.
        on_lost: called on the event loop with a row and the lease that is no longer this worker's.
        on_cancel: called on the event loop with a row somebody wants stopped.

    Attributes:
        on_forgotten: called on the event loop after a beat that found no row of the worker: it was cleared away while
            the worker was cut off, or the server now asked never heard of it.
        lag: how late the owner's event loop is; marked by a loop of `WorkerProcess.loops`.
        figures: returns what else `workers.stats` is to say; called in the heartbeat's thread.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        worker_id: UUID,
        application: str,
        sql: str | None = None,
        on_lost: Notice = _ignore,
        on_cancel: Notice = _ignore,
    ) -> None:
        self._settings = settings
        self._worker_id = worker_id
        self._sql = sql
        self._application = application
        self.on_lost = on_lost
        self.on_cancel = on_cancel
        self.on_forgotten: Callable[[], None] = lambda: None
        self.state = "running"
        self.lag = LoopLag()
        self.figures: Callable[[], Mapping[str, Any]] = dict
        self._held: dict[UUID, int] = {}
        self._lock = threading.Lock()
        self._last_beat = time.monotonic()
        self._owner_seen = time.monotonic()
        self._owner: asyncio.AbstractEventLoop | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._again: asyncio.Event | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def hold(self, leases: Mapping[UUID, int]) -> None:
        """Renew these leases from now on."""
        with self._lock:
            self._held.update(leases)

    def drop(self, row: UUID) -> None:
        """Renew this lease no more."""
        with self._lock:
            self._held.pop(row, None)

    def held(self) -> dict[UUID, int]:
        """Return the leases that are being renewed."""
        with self._lock:
            return dict(self._held)

    @property
    def age_s(self) -> float:
        """Return the seconds since the last beat that reached the database (monotonic clock)."""
        return time.monotonic() - self._last_beat

    @property
    def may_claim(self) -> bool:
        """Return whether leases taken now are safe to keep."""
        return self.age_s < STOP_CLAIMING_AT * self._settings.lease_timeout_s

    @property
    def must_stop(self) -> bool:
        """Return whether others are about to take this worker's rows, so that its handlers have to end."""
        return self.age_s >= STOP_HANDLERS_AT * self._settings.lease_timeout_s

    def start(self) -> None:
        """Start beating; notices arrive on the event loop that calls this."""
        self._owner = asyncio.get_running_loop()
        self._last_beat = self._owner_seen = time.monotonic()
        self.lag.mark(next_in_s=_LOOP_BLOCKED_S)
        self._thread.start()

    def beat_now(self) -> None:
        """Beat without waiting for the interval."""
        loop, again = self._loop, self._again
        if loop is not None and again is not None:
            with suppress(RuntimeError):  # the thread has just ended
                loop.call_soon_threadsafe(again.set)

    async def stop(self) -> None:
        """End the thread and close its connection."""
        self._stopping = True
        self.beat_now()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 5)

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._beat_forever())

    async def _beat_forever(self) -> None:
        self._loop, self._again = asyncio.get_running_loop(), asyncio.Event()
        link = Link(self._settings, application=self._application)
        while True:
            self._again.clear()
            # Looked at after the clear: whoever sets the event has set this before.
            if self._stopping:
                break
            wait = self._settings.lease_heartbeat_s
            try:
                await asyncio.wait_for(self._beat(link), wait)
            except Exception as error:  # the thread must not end: without beats all leases are lost
                log.warning("heartbeat_missed", age_s=round(self.age_s, 1), error=f"{type(error).__name__}: {error}")
                wait = min(1.0, wait)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._again.wait()
        await link.close()

    async def _beat(self, link: Link) -> None:
        self._look_at_owner()
        held = self.held()
        begun, age_s = time.monotonic(), self.age_s
        if self._sql and held:
            leases = json.dumps({str(row): lease for row, lease in held.items()})
            kept = await link.fetch(self._sql, sorted(held), leases, self._worker_id)
            self._tell(held, {row["id"]: bool(row["cancel"]) for row in kept})
        stats = {"loop_lag_ms": self.lag.take_ms(), "beat_age_s": round(age_s, 1), **self.figures()}
        known = await link.fetch(_BEAT_WORKER, self._worker_id, len(held), self.state, json.dumps(stats))
        # As of before the statements: the server may have renewed the leases at any moment since.
        self._last_beat = begun
        if not known:
            assert self._owner is not None
            self._owner.call_soon_threadsafe(self.on_forgotten)

    def _look_at_owner(self) -> None:
        """Report an event loop that has not answered since the beat before the last one."""
        assert self._owner is not None
        silent = time.monotonic() - self._owner_seen
        if silent > max(1.5 * self._settings.lease_heartbeat_s, _LOOP_BLOCKED_S):
            log.warning("event_loop_blocked", seconds=round(silent, 1))
        self._owner.call_soon_threadsafe(self._owner_answers)

    def _owner_answers(self) -> None:
        self._owner_seen = time.monotonic()

    def _tell(self, held: Mapping[UUID, int], kept: Mapping[UUID, bool]) -> None:
        assert self._owner is not None
        for row, lease in held.items():
            if row not in kept:
                self._owner.call_soon_threadsafe(self.on_lost, row, lease)
            elif kept[row]:
                self._owner.call_soon_threadsafe(self.on_cancel, row, lease)
