"""The files beside the database, in one archive."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from helpdesk.backup.manifest import FOLDER
from helpdesk.errors import Conflict


class FilesInTheWay(Conflict):
    """A file that is to be restored is there already."""


def pack(root: Path, target: Path, *, leave_out: Path) -> int:
    """Write every file below a folder to an archive, backups and unfinished files apart; return how many.

    One that is removed meanwhile is left out: nothing speaks of it any more.
    """
    packed = 0
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in _files(root, leave_out):
            with suppress(FileNotFoundError):
                archive.add(path, arcname=str(path.relative_to(root)), recursive=False)
                packed += 1
    return packed


def _files(root: Path, leave_out: Path) -> Iterator[Path]:
    out = {(root / FOLDER).resolve(), leave_out.resolve()}
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if (here / name).resolve() not in out)
        yield from (here / name for name in sorted(names) if not name.startswith("."))


def count_packed(archive: Path) -> int:
    """Return how many files an archive holds; reads it to its end, so that a cut one is noticed.

    Raises:
        tarfile.TarError, EOFError: it is damaged.
    """
    with tarfile.open(archive, "r:") as opened:
        return sum(1 for _ in opened)


def check_free(archive: Path, root: Path) -> None:
    """Make sure that unpacking would overwrite nothing; raise FilesInTheWay."""
    with tarfile.open(archive, "r:") as opened:
        for member in opened:
            if (root / member.name).exists():
                raise FilesInTheWay(f"{root / member.name} is there already; name another folder for the files.")


def unpack(archive: Path, root: Path) -> None:
    """Write the files of an archive below a folder.

    Raises:
        FilesInTheWay: one of them is there already; nothing is written.
    """
    check_free(archive, root)
    root.mkdir(parents=True, exist_ok=True, mode=0o750)
    with tarfile.open(archive, "r:") as opened:
        # Only plain files and folders below the root, whatever the archive says.
        opened.extractall(root, filter="data")
