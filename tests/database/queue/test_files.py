"""Files of jobs: listed with the job's completion, deleted when their time is over."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.queue.commands import JobNotFound
from helpdesk.queue.files import (
    JobFileNotFound,
    MadeFile,
    add_files,
    expire_files,
    file_of_job,
    files_of_job,
    open_place,
    place_of,
    write_file,
)
from helpdesk.settings import Settings
from helpdesk.storage import FileGone, Storage
from tests.database.desk import NOW
from tests.database.queue.jobs import enqueue_echo

DAY = timedelta(days=1)


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return Storage(settings)


async def add(database: Database, organization_id: UUID, *files: MadeFile, job_id: UUID, kept: timedelta = DAY) -> None:
    async with database.transaction(organization_id) as session:
        await add_files(
            session, files, organization_id=organization_id, job_id=job_id, job_type="TEST_ECHO", now=NOW, kept=kept
        )


def write(storage: Storage, organization_id: UUID, name: str = "a.csv", data: bytes = b"x") -> MadeFile:
    return write_file(storage, organization_id=organization_id, name=name, media_type="text/csv", data=data)


def touch(storage: Storage, organization_id: UUID, name: str, *, days_ago: float) -> Path:
    """Put a file there as it was left some days before NOW."""
    path = place_of(storage, organization_id=organization_id, storage_name=name)
    path.touch()
    then = (NOW - timedelta(days=days_ago)).timestamp()
    os.utime(path, (then, then))
    return path


async def test_a_file_is_found_under_its_job_and_its_name(
    database: Database, organization_id: UUID, storage: Storage
) -> None:
    job_id = await enqueue_echo(database, organization_id)
    scope = {"organization_id": organization_id, "job_id": job_id}
    async with database.transaction(organization_id) as session:
        assert (await files_of_job(session, **scope)).files == ()
    made = write(storage, organization_id, data=b"a,b\r\n")
    await add(database, organization_id, made, job_id=job_id)
    async with database.transaction(organization_id) as session:
        file = await file_of_job(session, **scope, name="a.csv")
        with pytest.raises(JobFileNotFound):
            await file_of_job(session, **scope, name=made.storage_name)
        with pytest.raises(JobNotFound):
            await files_of_job(session, organization_id=organization_id, job_id=new_id())
    assert open_place(storage, file).read_bytes() == b"a,b\r\n"
    assert (file.size_bytes, file.expires_at) == (5, NOW + DAY)
    open_place(storage, file).unlink()
    with pytest.raises(FileGone):
        open_place(storage, file)


async def test_another_organisation_does_not_see_the_files(
    database: Database, organization_id: UUID, storage: Storage
) -> None:
    job_id, stranger = new_id(), new_id()
    await add(database, organization_id, write(storage, organization_id), job_id=job_id)
    async with database.transaction(stranger) as session:
        session.add(Organization(id=stranger, slug="stranger", name="Stranger"))
        for claimed in (stranger, organization_id):
            with pytest.raises(JobNotFound):
                await files_of_job(session, organization_id=claimed, job_id=job_id)


async def test_files_go_with_their_rows_when_their_time_is_over(
    database: Database, organization_id: UUID, storage: Storage
) -> None:
    old, young, lost = (write(storage, organization_id, f"{name}.csv") for name in ("old", "young", "lost"))
    job_id = new_id()
    await add(database, organization_id, old, lost, job_id=job_id, kept=DAY)
    await add(database, organization_id, young, job_id=job_id, kept=3 * DAY)
    place_of(storage, organization_id=organization_id, storage_name=lost.storage_name).unlink()
    removed = []
    for _ in range(3):
        async with database.transaction(organization_id) as session:
            removed.append(
                await expire_files(session, storage, organization_id=organization_id, now=NOW + DAY, limit=1)
            )
    assert removed == [1, 1, 0]
    async with database.transaction(organization_id) as session:
        left = (await files_of_job(session, organization_id=organization_id, job_id=job_id)).files
    assert [file.name for file in left] == ["young.csv"]
    folder = place_of(storage, organization_id=organization_id, storage_name="x").parent
    assert [path.name for path in folder.iterdir()] == [young.storage_name]


async def test_what_no_row_names_is_swept_a_day_after_it_was_last_written(
    database: Database, organization_id: UUID, storage: Storage
) -> None:
    named = write(storage, organization_id)
    await add(database, organization_id, named, job_id=new_id(), kept=30 * DAY)
    kept = touch(storage, organization_id, named.storage_name, days_ago=5)
    growing = touch(storage, organization_id, "growing.jsonl", days_ago=0.9)
    left = touch(storage, organization_id, "left.jsonl", days_ago=1.1)
    torn = left.with_name(".torn.csv.7.part")
    left.rename(torn)
    left = touch(storage, organization_id, "left.jsonl", days_ago=1.1)
    async with database.transaction(organization_id) as session:
        assert await expire_files(session, storage, organization_id=organization_id, now=NOW) == 2
    assert sorted(kept.parent.iterdir()) == sorted([kept, growing])


async def test_nothing_is_listed_when_the_job_cannot_be_completed(
    database: Database, organization_id: UUID, storage: Storage
) -> None:
    job_id = await enqueue_echo(database, organization_id)
    made = write(storage, organization_id)
    with pytest.raises(RuntimeError):
        async with database.transaction(organization_id) as session:
            values = {"organization_id": organization_id, "job_id": job_id, "job_type": "TEST_ECHO"}
            await add_files(session, [made], **values, now=NOW, kept=DAY)
            raise RuntimeError("the lease is lost")
    async with database.transaction(organization_id) as session:
        assert (await files_of_job(session, organization_id=organization_id, job_id=job_id)).files == ()
