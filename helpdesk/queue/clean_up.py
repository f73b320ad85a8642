"""Remove what is past its retention: in small bites, each a transaction of its own, and for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from helpdesk.database.engine import Database
from helpdesk.queue.files import expire_files
from helpdesk.queue.retention import (
    BITE,
    DROP_PARTITIONS,
    PRUNE,
    PRUNE_TICKS,
    PRUNE_WORKERS,
    TICKS_KEPT,
    Retention,
)
from helpdesk.storage import Storage

_LOCK_NOT_AVAILABLE = "55P03"
_ORGANIZATIONS = text("SELECT id FROM organizations ORDER BY id")

# Told per cent and words.
Tell = Callable[[float, str], Awaitable[None]]

log = structlog.get_logger()


@dataclass
class Swept:
    """What a clean-up has removed, by kind, and whether it got through in its time."""

    removed: dict[str, int] = field(default_factory=dict)
    finished: bool = True

    def as_result(self) -> dict[str, Any]:
        """Return it as the result of a job."""
        return asdict(self)


async def clean_up(
    database: Database,
    storage: Storage,
    *,
    kept: Retention,
    now: datetime,
    most_s: float,
    tell: Tell,
    also: Sequence[tuple[str, str, timedelta]] = (),
) -> Swept:
    """Remove old history, workers, ticks, jobs and files of jobs, oldest first.

    Args:
        also: kinds of rows that other packages keep, each with a statement that deletes at most $2 of those older
            than $1, and how long they are kept.
        most_s: begin no further bite after so many seconds; the next clean-up goes on where this one ended.
    """
    sweep = _Sweep(database, until=time.monotonic() + most_s, tell=tell)
    await tell(0, "history")
    await sweep.drop_history(kept.events)
    await sweep.rows("workers", 5, PRUNE_WORKERS, kept.worker_gone_s)
    await sweep.rows("ticks", 10, PRUNE_TICKS, TICKS_KEPT, BITE)
    await sweep.rows("completed", 15, PRUNE, kept.completed, ["completed"], BITE)
    await sweep.rows("failed", 70, PRUNE, kept.failed, ["dead_letter", "cancelled"], BITE)
    for kind, statement, age in also:
        await sweep.rows(kind, 78, statement, age, BITE)
    await sweep.files(storage, now=now, percent=80)
    return sweep.swept


class _Sweep:
    """One clean-up under way."""

    def __init__(self, database: Database, *, until: float, tell: Tell) -> None:
        self._database = database
        self._until = until
        self._tell = tell
        self.swept = Swept()

    async def drop_history(self, kept: timedelta) -> None:
        """Drop the partitions that are past their time, unless a long transaction still reads the table."""
        try:
            async with self._database.transaction(None, role="atum_worker") as session:
                found = await (await session.connection()).exec_driver_sql(DROP_PARTITIONS, (kept,))
                self.swept.removed["partitions"] = found.scalar_one()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            log.warning("partitions_not_dropped", error=str(error.orig))
            self.swept.finished = False

    async def rows(self, kind: str, percent: float, statement: str, *arguments: object) -> None:
        """Run a statement that deletes a bite of rows until it finds no more, or the time is over."""
        removed = 0
        while self._has_time():
            async with self._database.transaction(None, role="atum_worker") as session:
                bite = (await (await session.connection()).exec_driver_sql(statement, arguments)).rowcount
            removed += bite
            await self._tell(percent, f"{kind}: {removed}")
            if bite < BITE:
                break
        self.swept.removed[kind] = removed

    async def files(self, storage: Storage, *, now: datetime, percent: float) -> None:
        """Delete files of jobs whose time is over, an organisation at a time."""
        async with self._database.transaction(None, role="atum_worker") as session:
            organizations = list(await session.scalars(_ORGANIZATIONS))
        removed = 0
        for done, organization_id in enumerate(organizations):
            await self._tell(percent + (100 - percent) * done / len(organizations), f"files: {removed}")
            while self._has_time():
                async with self._database.transaction(organization_id) as session:
                    bite = await expire_files(session, storage, organization_id=organization_id, now=now)
                removed += bite
                if bite == 0:
                    break
        self.swept.removed["files"] = removed

    def _has_time(self) -> bool:
        if time.monotonic() < self._until:
            return True
        self.swept.finished = False
        return False
