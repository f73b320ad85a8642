"""Wake idle workers after a commit: one notification however many jobs were enqueued."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

import asyncpg
import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from helpdesk.queue.link import CONNECTION_ERRORS, Link, Runs
from helpdesk.settings import Settings

CHANNEL = "atum_jobs"
# What can be waiting; the text after the colon of a cancel is the job.
JOBS = "jobs"
INDEX = "index"
CANCEL = "cancel"

# Outside every business transaction: NOTIFY takes a database-wide lock until its transaction is flushed.
_NOTIFY = "SELECT pg_notify($1, kind) FROM unnest($2::text[]) AS kind"

log = structlog.get_logger()


class WakeUp:
    """Sends the first wake-up of a kind at once and merges those of the next 5 ms into one.

    A lost notification costs latency only, since workers poll as well. Used as `async with WakeUp(settings, ...)`;
    while it is open, `wake_after_commit` of the same process sends through it.

    Args:
        link: a connection to share; without it the wake-up opens one of its own.
    """

    def __init__(
        self, settings: Settings, *, application: str = "wake", link: Runs | None = None, debounce_s: float = 0.005
    ) -> None:
        self._own: Link | None = None if link else Link(settings, application=application, role="atum_app")
        self._link: Runs | None = link or self._own
        self._debounce_s = debounce_s
        self._waiting: set[str] = set()
        self._news = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._sender = asyncio.create_task(self._send_forever(), name="wake-up")
        _open.append(self)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop sending; what is still waiting is left to polling."""
        if self in _open:
            _open.remove(self)
        if self._sender is not None:
            self._sender.cancel()
            with suppress(asyncio.CancelledError):
                await self._sender
            self._sender = None
        if self._own is not None:
            await self._own.close()

    def notify(self, kind: str = JOBS) -> None:
        """Ask for workers of a kind to be woken; returns at once."""
        self._waiting.add(kind)
        self._news.set()

    async def _send_forever(self) -> None:
        assert self._link is not None
        while True:
            await self._news.wait()
            self._news.clear()
            kinds, self._waiting = self._waiting, set()
            try:
                await self._link.fetch(_NOTIFY, CHANNEL, sorted(kinds))
            except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
                log.warning("wake_up_lost", kinds=sorted(kinds), error=str(error))
            await asyncio.sleep(self._debounce_s)


_open: list[WakeUp] = []
_MARK = "wakes_after_commit"


def wake_after_commit(session: AsyncSession, kind: str = JOBS) -> None:
    """Wake workers of a kind once the session's transaction is committed; nothing happens on a rollback."""
    kinds: set[str] | None = session.info.get(_MARK)
    if kinds is None:
        kinds = session.info[_MARK] = set()
        event.listen(session.sync_session, "after_commit", _wake)
    kinds.add(kind)


def wake_now(kind: str = JOBS) -> None:
    """Wake workers of a kind for what a statement of its own has committed."""
    for wake_up in _open:
        wake_up.notify(kind)


def _wake(session: Session) -> None:
    # A released savepoint lands here too; that wake-up comes early, and the outer commit sends another.
    for kind in session.info.get(_MARK, ()):
        for wake_up in _open:
            wake_up.notify(kind)
