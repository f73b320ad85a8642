"""Tell open streams that there is something to read, with one look a second per organisation."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeAlias
from uuid import UUID

import structlog

from helpdesk.database.engine import Database
from helpdesk.events.stream import START, Cursor, Newest, newest_event
from helpdesk.notifications.stream import newest_notifications

log = structlog.get_logger(__name__)
_LOOK_EVERY_S = 1.0
_LOOK_AFTER_FAILURE_S = 5.0
# What is held back mostly waits for a transaction of a few milliseconds.
_LOOK_SOON_S = 0.02
# Shorter waits are nobody's concern.
_TOLD_AFTER_S = 5.0

# None stands for the events of the organisation's tickets, an id for the notifications of a user.
Subject: TypeAlias = UUID | None


@dataclass
class _Watched:
    """One thing that streams wait for, and what the last look found."""

    streams: int = 0
    newest: Cursor = START
    held_since: float | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class EventWatch:
    """Looks at what is newest for each organisation that has streams open, however many those are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watched: defaultdict[UUID, dict[Subject, _Watched]] = defaultdict(dict)
        self._look_now = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def nudge(self) -> None:
        """Look at once: this process has just committed something."""
        self._look_now.set()

    async def wait_beyond(self, organization_id: UUID, cursor: Cursor, *, subject: Subject = None) -> None:
        """Return when there is something after a position."""
        watched = self._watched[organization_id].setdefault(subject, _Watched())
        watched.streams += 1
        try:
            async with watched.changed:
                await watched.changed.wait_for(lambda: watched.newest > cursor)
        finally:
            watched.streams -= 1
            if watched.streams <= 0:
                self._forget(organization_id, subject)

    def held_back_s(self, organization_id: UUID, *, subject: Subject = None) -> float | None:
        """Return for how many seconds something has waited for a transaction to end; None when it is not worth telling.

        A stream goes on only below the oldest transaction that has written something and is still open.
        """
        watched = self._watched.get(organization_id, {}).get(subject)
        if watched is None or watched.held_since is None:
            return None
        waited = asyncio.get_running_loop().time() - watched.held_since
        return waited if waited >= _TOLD_AFTER_S else None

    def _forget(self, organization_id: UUID, subject: Subject) -> None:
        subjects = self._watched[organization_id]
        subjects.pop(subject, None)
        if not subjects:
            self._watched.pop(organization_id, None)

    async def _run(self) -> None:
        pause = _LOOK_EVERY_S
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._look_now.wait()
                pause = _LOOK_SOON_S / 2
            except TimeoutError:
                pass
            self._look_now.clear()
            try:
                held_back = await self._look()
                pause = min(max(pause * 2, _LOOK_SOON_S), _LOOK_EVERY_S) if held_back else _LOOK_EVERY_S
            except Exception as error:  # a stream outlives a database that is away for a while
                log.warning("event_watch_failed", error=repr(error))
                pause = _LOOK_AFTER_FAILURE_S

    async def _look(self) -> bool:
        """Look once for every organisation, and tell whether something is held back."""
        held_back = False
        for organization_id, subjects in list(self._watched.items()):
            found = await self._newest(organization_id, list(subjects))
            if any(subject in subjects and found[subject].cursor > subjects[subject].newest for subject in found):
                # Whoever is told looks at once, and must find it on a replica, too.
                await self._database.note_written(organization_id)
            for subject, newest in found.items():
                held_back = held_back or newest.held_back
                if (watched := subjects.get(subject)) is not None:
                    await self._tell(watched, newest)
        return held_back

    async def _newest(self, organization_id: UUID, subjects: list[Subject]) -> Mapping[Subject, Newest]:
        found: dict[Subject, Newest] = {}
        users = [subject for subject in subjects if subject is not None]
        async with self._database.transaction(organization_id) as session:
            if None in subjects:
                found[None] = await newest_event(session, organization_id=organization_id)
            if users:
                newest = await newest_notifications(session, organization_id=organization_id, user_ids=users)
                found.update((user_id, newest[user_id]) for user_id in newest)
        return found

    async def _tell(self, watched: _Watched, newest: Newest) -> None:
        if not newest.held_back or newest.cursor > watched.newest:
            watched.held_since = None
        if newest.held_back and watched.held_since is None:
            watched.held_since = asyncio.get_running_loop().time()
        if newest.cursor > watched.newest:
            async with watched.changed:
                watched.newest = newest.cursor
                watched.changed.notify_all()
