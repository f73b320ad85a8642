"""Files that jobs make: the file first, then its row in the transaction that completes the job.

A file without a row was left by a job that did not get so far; it is swept after a day.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import NotFound
from helpdesk.models.files import JobFile
from helpdesk.models.jobs import Job
from helpdesk.queue.commands import JobNotFound
from helpdesk.storage import Storage

_FOLDER = "jobs"
# No job takes longer between two writes to a file of its own, nor from its last write to its completion.
_LEFT_BEHIND = timedelta(days=1)


class JobFileNotFound(NotFound):
    """The job has no file of that name."""


@dataclass(frozen=True)
class MadeFile:
    """A whole file in the storage that has no row yet.

    Attributes:
        name: what people call it; unique within its job.
        storage_name: what it is called in the storage.
        sha256: of its bytes, in hexadecimal.
    """

    name: str
    media_type: str
    storage_name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class FilesOfJob:
    """The files of a job, by name, and the type of the job, which says who may read them."""

    job_type: str
    files: Sequence[JobFile]


def place_of(storage: Storage, *, organization_id: UUID, storage_name: str) -> Path:
    """Return where a file of an organisation's jobs is or will be."""
    return storage.path(_FOLDER, organization_id, storage_name)


def open_place(storage: Storage, file: JobFile) -> Path:
    """Return where a stored file is; raise FileGone when it is not there."""
    return storage.existing(place_of(storage, organization_id=file.organization_id, storage_name=file.storage_name))


def write_file(storage: Storage, *, organization_id: UUID, name: str, media_type: str, data: bytes) -> MadeFile:
    """Write a small file whole; blocks until it is on the disk."""
    storage_name = f"{new_id()}{Path(name).suffix}"
    with storage.writing(place_of(storage, organization_id=organization_id, storage_name=storage_name)) as file:
        file.write(data)
    return MadeFile(name, media_type, storage_name, len(data), hashlib.sha256(data).hexdigest())


async def add_files(
    session: AsyncSession,
    files: Iterable[MadeFile],
    *,
    organization_id: UUID,
    job_id: UUID,
    job_type: str,
    now: datetime,
    kept: timedelta,
) -> None:
    """List files under their job, in the transaction that completes it, until `kept` is over."""
    session.add_all(
        JobFile(
            organization_id=organization_id,
            job_id=job_id,
            job_type=job_type,
            created_at=now,
            expires_at=now + kept,
            **asdict(file),
        )
        for file in files
    )
    await session.flush()


async def files_of_job(session: AsyncSession, *, organization_id: UUID, job_id: UUID) -> FilesOfJob:
    """Return the files of a job, also of one that has been pruned since.

    Raises:
        JobNotFound: there is neither such a job nor a file of it.
    """
    query = select(JobFile).where(JobFile.organization_id == organization_id, JobFile.job_id == job_id)
    files = (await session.scalars(query.order_by(JobFile.name))).all()
    if files:
        return FilesOfJob(files[0].job_type, files)
    job_type = await session.scalar(
        select(Job.job_type).where(Job.id == job_id, Job.organization_id == organization_id)
    )
    if job_type is None:
        raise JobNotFound
    return FilesOfJob(job_type, ())


async def file_of_job(session: AsyncSession, *, organization_id: UUID, job_id: UUID, name: str) -> JobFile:
    """Return one file of a job; raise JobNotFound or JobFileNotFound."""
    found = await files_of_job(session, organization_id=organization_id, job_id=job_id)
    file = next((file for file in found.files if file.name == name), None)
    if file is None:
        raise JobFileNotFound
    return file


async def expire_files(
    session: AsyncSession, storage: Storage, *, organization_id: UUID, now: datetime, limit: int = 500
) -> int:
    """Delete files whose time is over with their rows, and those that no row names; return how many, 0 when done.

    A file goes before the commit: a row without a file says so to whoever asks, a file without a row is swept here.
    """
    over = (
        select(JobFile.id)
        .where(JobFile.organization_id == organization_id, JobFile.expires_at <= now)
        .order_by(JobFile.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = await session.scalars(delete(JobFile).where(JobFile.id.in_(over)).returning(JobFile.storage_name))
    folder = storage.path(_FOLDER, organization_id, "-").parent
    expired = await asyncio.to_thread(_remove, folder, gone.all())
    old = await asyncio.to_thread(_untouched_since, folder, now - _LEFT_BEHIND)
    named = set(
        await session.scalars(
            select(JobFile.storage_name).where(
                JobFile.organization_id == organization_id, JobFile.storage_name.in_(old)
            )
        )
    )
    return expired + await asyncio.to_thread(_remove, folder, [name for name in old if name not in named][:limit])


def _remove(folder: Path, names: Sequence[str]) -> int:
    for name in names:
        (folder / name).unlink(missing_ok=True)
    return len(names)


def _untouched_since(folder: Path, moment: datetime) -> list[str]:
    names = []
    for path in folder.iterdir():
        # Somebody else may be sweeping as well.
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < moment.timestamp():
                names.append(path.name)
    return names
