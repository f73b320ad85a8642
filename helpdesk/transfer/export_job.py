"""An export as a job: its file belongs to one run, and a run goes on from what the one before had told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.files import MadeFile, add_files, place_of
from helpdesk.storage import Storage
from helpdesk.transfer.export import Position, measure, write_tickets
from helpdesk.transfer.export_file import GrowingFile
from helpdesk.transfer.export_formats import FORMATS, ExportFormat
from helpdesk.transfer.export_rows import Wanted

KEPT = timedelta(days=7)

Complete = Callable[[AsyncSession, dict[str, Any]], Awaitable[None]]

log = structlog.get_logger()


class Keep(Protocol):
    """Stores a checkpoint with the progress of the job; returns False when it could not."""

    async def __call__(self, checkpoint: Mapping[str, Any], *, percent: float, message: str = "") -> bool:
        """Store it."""
        ...


class _Checkpoint(BaseModel):
    """What a run leaves for the next one: its file, and the position up to which that is complete."""

    model_config = ConfigDict(frozen=True, strict=True)

    file: str
    after: int
    up_to: int
    done: int
    total: int
    size: int

    @property
    def position(self) -> Position:
        """Return the position."""
        return Position(self.up_to, self.total, after=self.after, done=self.done, size=self.size)


@dataclass
class ExportRun:
    """One run of an export job.

    Attributes:
        job: its lease names the file, so that a run given up for dead cannot write into that of the next.
        keep: stores checkpoints.
        complete: completes the job in a transaction, with a result.
    """

    database: Database
    storage: Storage
    job: JobInHand
    wanted: Wanted
    form: ExportFormat
    keep: Keep
    complete: Complete
    continued_after: int = 0

    async def run(self, earlier: Mapping[str, Any] | None, *, now: Callable[[], datetime]) -> None:
        """Write the rest of the file, list it, and complete the job.

        Args:
            earlier: the checkpoint that the run before left.

        Raises:
            LeaseLost: when the job is no longer this worker's.
        """
        file = GrowingFile(self._path(self._storage_name))
        position = await self._position(file, earlier)
        end = await write_tickets(
            self.database,
            organization_id=self.job.organization_id,
            wanted=self.wanted,
            form=self.form,
            file=file,
            position=position,
            on_chunk=self._told,
        )
        await self._list(file, end, now())

    @property
    def _storage_name(self) -> str:
        return f"{self.job.id}-{self.job.lease}.{self.form}"

    def _path(self, storage_name: str) -> Path:
        return place_of(self.storage, organization_id=self.job.organization_id, storage_name=storage_name)

    async def _position(self, file: GrowingFile, earlier: Mapping[str, Any] | None) -> Position:
        """Take over what an earlier run has written, or begin."""
        known = _read(earlier)
        if known is None or not await asyncio.to_thread(self._take_over, file, known):
            if known is not None:
                # Left on another machine's disk, or swept after a day.
                log.warning("export_begun_anew", lost_file=known.file, done=known.done)
            return await measure(self.database, organization_id=self.job.organization_id, wanted=self.wanted)
        self.continued_after = known.after
        log.info("export_continued", after=known.after, done=known.done)
        # Only once this run's file is the one that the next would go on from.
        if await self._told(known.position):
            await asyncio.to_thread(self._path(known.file).unlink, missing_ok=True)
        return known.position

    def _take_over(self, file: GrowingFile, known: _Checkpoint) -> bool:
        return file.copy_from(self._path(known.file), size=known.size)

    async def _told(self, position: Position) -> bool:
        return await self.keep(
            asdict(position) | {"file": self._storage_name},
            percent=100 * position.done / max(position.total, 1),
            message=f"{position.done} of {position.total} tickets",
        )

    async def _list(self, file: GrowingFile, end: Position, now: datetime) -> None:
        name = f"tickets-{now:%Y-%m-%d}-{self.job.id.hex[-8:]}.{self.form}"
        made = MadeFile(name, FORMATS[self.form].media_type, self._storage_name, file.size, file.sha256)
        result = {
            "name": name,
            "size": file.size,
            "sha256": file.sha256,
            "count": end.done,
            "continued_after": self.continued_after,
        }
        async with self.database.transaction(self.job.organization_id) as session:
            await add_files(
                session,
                [made],
                organization_id=self.job.organization_id,
                job_id=self.job.id,
                job_type=self.job.job_type,
                now=now,
                kept=KEPT,
            )
            await self.complete(session, result)


def _read(checkpoint: Mapping[str, Any] | None) -> _Checkpoint | None:
    try:
        return None if checkpoint is None else _Checkpoint.model_validate(dict(checkpoint))
    except ValidationError:
        return None
