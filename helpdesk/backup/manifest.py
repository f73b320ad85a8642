"""What a backup holds, written beside it, and where backups lie."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from helpdesk.backup.retention import survivors
from helpdesk.errors import Conflict
from helpdesk.settings import Settings
from helpdesk.storage import Storage

DATABASE = "database.dump"
FILES = "files.tar"
MANIFEST = "manifest.json"
FOLDER = "backups"
_PREFIX = "atum-desk-"


class BackupDamaged(Conflict):
    """The backup is not whole."""


class Part(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(frozen=True)

    name: str
    size_bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Part:
        """Describe a file; reads it whole, piece by piece."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(name=path.name, size_bytes=path.stat().st_size, sha256=digest)


class Manifest(BaseModel):
    """What a backup holds.

    Attributes:
        created_at: when it was begun (UTC).
        schema_revision: the last migration the database had seen.
        server_version: of PostgreSQL, such as 180006.
        tools_major: of the pg_dump that wrote it; pg_restore must be as new.
        rows: how many each table had.
        files: how many files are in the archive.
        files_missing: attachments whose file was not there when the backup was made.
    """

    model_config = ConfigDict(frozen=True)

    created_at: AwareDatetime
    product_version: str
    schema_revision: str
    server_version: int
    tools_major: int
    rows: dict[str, int]
    files: int
    files_missing: int
    parts: list[Part]

    @property
    def size_bytes(self) -> int:
        """Return how much room the backup takes."""
        return sum(part.size_bytes for part in self.parts)


@dataclass(frozen=True)
class Backup:
    """A backup in its folder; it stands there whole or not at all."""

    path: Path
    manifest: Manifest


def product_version() -> str:
    """Return the version of the installed product, or `0+source` of a checkout that is not installed."""
    try:
        return version("atum-desk")
    except PackageNotFoundError:
        return "0+source"


def backup_folder(settings: Settings) -> Path:
    """Return where backups lie."""
    return settings.backup_dir or Storage(settings).root / FOLDER


def read_backup(path: Path) -> Backup:
    """Read the manifest of a backup.

    Args:
        path: its folder, or any file in it.

    Raises:
        BackupDamaged: there is none, or it cannot be read.
    """
    folder = path.parent if path.is_file() else path
    try:
        return Backup(folder, Manifest.model_validate_json((folder / MANIFEST).read_bytes()))
    except OSError as error:
        raise BackupDamaged(f"{folder} is not a backup: {MANIFEST} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise BackupDamaged(f"{folder / MANIFEST} is not the manifest of a backup.") from error


def list_backups(folder: Path) -> list[Backup]:
    """Return the backups in a folder, the newest first; what is unfinished or damaged is left out."""
    found = []
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(BackupDamaged):
            found.append(read_backup(path))
    return sorted(found, key=lambda backup: (backup.manifest.created_at, backup.path.name), reverse=True)


def remove_old(folder: Path, *, keep: int, weeks: int = 0, now: datetime) -> list[Path]:
    """Remove all but the newest backups of a folder and one of each week; return which were removed.

    Args:
        keep: how many of the newest stay.
        weeks: for how many weeks back one of each stays.
    """
    backups = list_backups(folder)
    made = [(backup.manifest.created_at, backup.path) for backup in backups]
    kept = survivors(made, newest=keep, weeks=weeks, now=now)
    removed = [backup.path for backup in backups if backup.path not in kept]
    for path in removed:
        # Under a name that is no backup's first, so that half of one never passes for a whole one.
        going = path.with_name(f".{path.name}.part")
        path.rename(going)
        shutil.rmtree(going)
    return removed


@contextmanager
def new_backup(folder: Path, *, now: datetime) -> Iterator[tuple[Path, Path]]:
    """Give a folder to write a backup to and the one it becomes, whole and on disk, when nothing fails.

    What an earlier one left unfinished is removed; the caller sees to it that only one runs at a time.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    for left in folder.glob(f".{_PREFIX}*.part"):
        shutil.rmtree(left)
    name = free = f"{_PREFIX}{now:%Y%m%dT%H%M%SZ}"
    for number in range(2, 1000):
        if not (folder / free).exists():
            break
        free = f"{name}-{number}"
    unfinished = folder / f".{free}.part"
    unfinished.mkdir(mode=0o700)
    try:
        yield unfinished, folder / free
        for path in unfinished.iterdir():
            path.chmod(0o600)
            _flush(path)
        _flush(unfinished)
        unfinished.rename(folder / free)
        _flush(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _flush(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
