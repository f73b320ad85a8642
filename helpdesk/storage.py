"""Files of the product, beside the database: exports, reports, attachments, thumbnails, backups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from helpdesk.errors import NotFound
from helpdesk.settings import Settings


class FileGone(NotFound):
    """The file is not there any more."""


class Storage:
    """A folder per kind and organisation under `data_dir`; a file is named by an id of ours, never by a person."""

    def __init__(self, settings: Settings) -> None:
        self._root = settings.data_dir / "files"

    @property
    def root(self) -> Path:
        """Return the folder that holds all of it; it need not be there yet."""
        return self._root

    def folders(self, kind: str) -> Iterator[tuple[UUID, Path]]:
        """Yield each organisation that has files of a kind, with the folder they are in."""
        for folder in sorted((self._root / kind).glob("*")):
            with suppress(ValueError):
                yield UUID(folder.name), folder

    def path(self, kind: str, organization_id: UUID, name: str) -> Path:
        """Return where a file is or will be, its folder made.

        Args:
            kind: the folder, such as `exports`.
            name: of our own making, such as `<id>.csv`.
        """
        if "/" in name or name.startswith("."):
            raise ValueError(f"{name!r} is not a name of our own making")
        folder = self._root / kind / str(organization_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        return folder / name

    @contextmanager
    def writing(self, path: Path) -> Iterator[BinaryIO]:
        """Give a file to write; it appears under its name whole and flushed to disk, or not at all."""
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def existing(self, path: Path) -> Path:
        """Return the path of a file that is there; raise FileGone."""
        if not path.is_file():
            raise FileGone
        return path
