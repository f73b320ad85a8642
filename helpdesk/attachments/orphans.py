"""Remove files that no row speaks of: left by a process that died between the file and its row, or after the row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from helpdesk.attachments.receiving import FOLDER
from helpdesk.attachments.thumbnails import THUMBNAILS
from helpdesk.database.engine import Database
from helpdesk.models.attachments import Attachment
from helpdesk.storage import Storage

# Longer than any upload takes: a file is there before its row is.
GRACE = timedelta(hours=24)
_BATCH = 500


async def sweep_orphans(database: Database, storage: Storage, *, now: datetime, grace: timedelta = GRACE) -> int:
    """Remove the files and thumbnails, of every organisation, that no attachment speaks of; return how many.

    For a scheduled clean-up: it may stop anywhere and start again.

    Args:
        grace: a file younger than this is left alone, since its row may be on its way.
    """
    removed = 0
    for kind in (FOLDER, THUMBNAILS):
        for organization_id, folder in await asyncio.to_thread(_folders, storage, kind):
            old = await asyncio.to_thread(_older_than, folder, now - grace)
            for start in range(0, len(old), _BATCH):
                some = old[start : start + _BATCH]
                known = await _known(database, kind, organization_id, [file.name for file in some])
                orphans = [file for file in some if file.name not in known]
                await asyncio.to_thread(_remove, orphans)
                removed += len(orphans)
    return removed


async def _known(database: Database, kind: str, organization_id: UUID, names: Sequence[str]) -> set[str | None]:
    column = Attachment.storage_name if kind == FOLDER else Attachment.thumbnail_name
    async with database.transaction(organization_id) as session:
        rows = await session.scalars(
            select(column).where(Attachment.organization_id == organization_id, column.in_(names))
        )
        return set(rows)


def _folders(storage: Storage, kind: str) -> list[tuple[UUID, Path]]:
    return list(storage.folders(kind))


def remove_files(storage: Storage, *, organization_id: UUID, storage_name: str, thumbnail_name: str | None) -> None:
    """Remove the content of an attachment whose row is gone, and its thumbnail. Blocks."""
    _remove([storage.path(FOLDER, organization_id, storage_name)])
    if thumbnail_name is not None:
        _remove([storage.path(THUMBNAILS, organization_id, thumbnail_name)])


def _older_than(folder: Path, limit: datetime) -> list[Path]:
    """Return the files of a folder last written before a time, those cut off in the writing among them."""
    return [file for file in folder.iterdir() if _written(file) < limit.timestamp()]


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
