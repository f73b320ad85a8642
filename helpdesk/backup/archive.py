"""The files beside the database, in one archive."""

from __future__ import annotations

import getpass
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from helpdesk.backup.manifest import FOLDER, BackupDamaged
from helpdesk.errors import Conflict


class FilesInTheWay(Conflict):
    """A file that is to be restored is there already."""


class FolderShut(Conflict):
    """The folder for the files cannot be written."""


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
    """Make the folder, and make sure that unpacking can write there and would overwrite nothing.

    Raises:
        FilesInTheWay, FolderShut: with the remedy.
    """
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o750)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise FolderShut(
            f"The files cannot be written to {root} ({error.strerror}); name a folder with --files-to that "
            f"{getpass.getuser()} may write to."
        ) from error
    with tarfile.open(archive, "r:") as opened:
        for member in opened:
            if (root / member.name).exists():
                raise FilesInTheWay(f"{root / member.name} is there already; name another folder for the files.")


def unpack(archive: Path, root: Path) -> None:
    """Write the files of an archive below a folder.

    Raises:
        FilesInTheWay, FolderShut: nothing is written.
        BackupDamaged: it holds something else than plain files for below that folder; what came before it is there.
    """
    check_free(archive, root)
    # By hand: tarfile's own filters came with Python 3.11.4, and Debian 12 has 3.11.2.
    with tarfile.open(archive, "r:") as opened:
        for member in opened:
            target = (root / member.name).resolve()
            content = opened.extractfile(member) if member.isreg() else None
            if content is None or not target.is_relative_to(root.resolve()):
                raise BackupDamaged(f"{archive} holds {member.name!r}, which is no plain file below its folder.")
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            with content, target.open("xb") as file:
                shutil.copyfileobj(content, file)
            target.chmod(member.mode & 0o755 | 0o600)
            os.utime(target, (member.mtime, member.mtime))
