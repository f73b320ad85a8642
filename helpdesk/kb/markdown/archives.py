"""Articles in a zip or in a folder: what is read is bounded, whatever the archive says of itself."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

from helpdesk.errors import Invalid
from helpdesk.kb.markdown.files import MOST_FILE_BYTES
from helpdesk.kb.markdown.front_matter import FileRefused

_SUFFIXES = frozenset((".md", ".markdown"))
# Where a Mac puts what nobody asked for.
_NOT_OURS = frozenset(("__MACOSX",))
_ENCRYPTED = 0x1
_EARLIEST = (1980, 1, 1, 0, 0, 0)


class UnreadableArchive(Invalid):
    """The archive cannot be read."""


class ArchiveTooLarge(Invalid):
    """The archive has more in it than is taken over at once."""


@dataclass(frozen=True)
class MarkdownFile:
    """A file of an import, or the reason why it is not even read.

    Attributes:
        name: with its folders, parted by slashes.
    """

    name: str
    data: bytes = b""
    refusal: FileRefused | None = None


@dataclass(frozen=True)
class ArchiveLimits:
    """How much an archive may have in it.

    Attributes:
        entries: of any kind, folders and pictures among them.
        total_bytes: of all files that are read.
    """

    entries: int = 5000
    total_bytes: int = 100_000_000


def is_zip(data: IO[bytes]) -> bool:
    """Tell whether a file is a zip; it is read from its beginning afterwards."""
    data.seek(0)
    found = data.read(4) in {b"PK\x03\x04", b"PK\x05\x06"}
    data.seek(0)
    return found


def read_zip(data: IO[bytes], limits: ArchiveLimits) -> Iterator[MarkdownFile]:
    """Yield the Markdown files of a zip in the order of their names; all else in it is passed over.

    Files with a path that leads out of the archive, links and encrypted files are refused one by one. Sizes are counted
    while they are unpacked: what the zip says of them is not believed.

    Raises:
        UnreadableArchive: it is no zip, or damaged.
        ArchiveTooLarge: it has too many files, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(data) as archive:
            entries = archive.infolist()
            if len(entries) > limits.entries:
                raise ArchiveTooLarge(f"The zip has {len(entries):,} entries; {limits.entries:,} are taken at once.")
            left = limits.total_bytes
            for entry in sorted(entries, key=lambda each: each.filename):
                if entry.is_dir() or not _is_article(PurePosixPath(entry.filename.replace("\\", "/"))):
                    continue
                file = _read_entry(archive, entry)
                left -= len(file.data)
                if left < 0:
                    raise ArchiveTooLarge(f"The zip unpacks to more than {limits.total_bytes:,} bytes.")
                yield file
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
        raise UnreadableArchive(f"The zip cannot be read: {error}.") from error


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> MarkdownFile:
    name = entry.filename
    if reason := _refusal(entry):
        return MarkdownFile(name, refusal=FileRefused(reason))
    try:
        with archive.open(entry) as opened:
            data = opened.read(MOST_FILE_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        return MarkdownFile(name, refusal=FileRefused(f"The file is damaged in the zip: {error}."))
    if len(data) > MOST_FILE_BYTES:
        # The rest is not unpacked, however much there would be of it; what was, counts.
        return MarkdownFile(name, data, FileRefused(f"The file is larger than {MOST_FILE_BYTES:,} bytes."))
    return MarkdownFile(name, data)


def _refusal(entry: zipfile.ZipInfo) -> str | None:
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in path.parts[0]:
        return "The path of the file leads out of the zip."
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "The file is a link."
    if entry.flag_bits & _ENCRYPTED:
        return "The file is encrypted."
    return None


def read_folder(folder: Path) -> Iterator[MarkdownFile]:
    """Yield the Markdown files of a folder and those within, by name; hidden ones are passed over."""
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not _is_article(PurePosixPath(name.as_posix())) or not path.is_file():
            continue
        if not path.resolve().is_relative_to(root):
            yield MarkdownFile(name.as_posix(), refusal=FileRefused("The file is a link that leads out of the folder."))
            continue
        try:
            with path.open("rb") as opened:
                yield MarkdownFile(name.as_posix(), opened.read(MOST_FILE_BYTES + 1))
        except OSError as error:
            yield MarkdownFile(name.as_posix(), refusal=FileRefused(f"The file cannot be read: {error.strerror}."))


def _is_article(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") and part != ".." for part in path.parts)
    return path.suffix.lower() in _SUFFIXES and not hidden and not _NOT_OURS & set(path.parts)


def add_to_zip(archive: zipfile.ZipFile, name: str, text: str, *, at: datetime) -> None:
    """Add a text to a zip as it was at a time, so that the same articles make the same zip."""
    moment = at.timetuple()[:6]
    entry = zipfile.ZipInfo(name, date_time=max(moment, _EARLIEST))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, text.encode())
