"""Take in a file piece by piece, straight to storage: its row comes later, and may still be refused."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from helpdesk.attachments.media import HEAD_BYTES, sniff
from helpdesk.database.base import new_id
from helpdesk.errors import Invalid
from helpdesk.storage import Storage

FOLDER = "attachments"
# Few enough trips to another thread, little enough memory.
_WRITE_BYTES = 256 * 1024


class AttachmentTooLarge(Invalid):
    """The file is too large."""


@dataclass(frozen=True)
class ReceivedFile:
    """A file that lies in storage.

    Attributes:
        id: the id its attachment will have.
        media_type: what its content shows.
    """

    id: UUID
    path: Path
    media_type: str
    size_bytes: int
    sha256: str

    @property
    def storage_name(self) -> str:
        """Return its name in storage."""
        return self.path.name

    async def discard(self) -> None:
        """Remove it again, since no row will speak of it."""
        await asyncio.to_thread(self.path.unlink, missing_ok=True)


class _Intake:
    """Writes what arrives, and learns what a row has to know about it."""

    def __init__(self, file: BinaryIO, most_bytes: int) -> None:
        self.file = file
        self.most_bytes = most_bytes
        self.size = 0
        self.digest = hashlib.sha256()
        self.head = b""
        self._waiting = bytearray()

    async def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > self.most_bytes:
            raise AttachmentTooLarge(f"A file may have {self.most_bytes:,} bytes.", most_bytes=self.most_bytes)
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        self._waiting += piece
        if len(self._waiting) >= _WRITE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        waiting, self._waiting = bytes(self._waiting), bytearray()
        await asyncio.to_thread(self._write, waiting)

    def _write(self, data: bytes) -> None:
        self.digest.update(data)
        self.file.write(data)


async def receive(
    pieces: AsyncIterator[bytes], *, storage: Storage, organization_id: UUID, most_bytes: int
) -> ReceivedFile:
    """Write a file's pieces to storage; it is there whole and on disk when this returns, or not at all.

    A file whose row is never made, since the process died in between, is removed by `orphans.sweep_orphans`.

    Raises:
        AttachmentTooLarge: it has more than `most_bytes`.
    """
    identifier = new_id()
    path = await asyncio.to_thread(storage.path, FOLDER, organization_id, identifier.hex)
    async with _writing(storage, path) as file:
        intake = _Intake(file, most_bytes)
        async for piece in pieces:
            await intake.add(piece)
        await intake.flush()
    return ReceivedFile(identifier, path, sniff(intake.head), intake.size, intake.digest.hexdigest())


@asynccontextmanager
async def _writing(storage: Storage, path: Path) -> AsyncIterator[BinaryIO]:
    """Do as `storage.writing` does, away from the event loop: the flush to disk takes its time."""
    writing = storage.writing(path)
    file = await asyncio.to_thread(writing.__enter__)
    try:
        yield file
    except BaseException:
        writing.__exit__(*sys.exc_info())
        raise
    await asyncio.to_thread(writing.__exit__, None, None, None)
