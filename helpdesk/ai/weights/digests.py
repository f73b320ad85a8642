"""The sha256 of large files, computed once: a note beside the file spares later readers the work."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)


def compute_sha256(path: Path) -> str:
    """Read the whole file and return its sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """Return the sha256 of a file from the note beside it, as long as size and time of change agree; else compute it.

    Raises:
        OSError: the file cannot be read.
    """
    stat = path.stat()
    try:
        note = json.loads(_note_of(path).read_text())
        if (note["size"], note["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
            return str(note["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    sha256 = _sha256_of_version(path, stat.st_size, stat.st_mtime_ns)
    note_sha256(path, sha256)
    return sha256


def note_sha256(path: Path, sha256: str) -> None:
    """Write the note beside the file; a folder that cannot be written to goes without."""
    stat = path.stat()
    note = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": sha256}
    draft = _note_of(path).with_suffix(".tmp")
    try:
        draft.write_text(json.dumps(note))
        draft.replace(_note_of(path))
    except OSError:
        log.debug("model_digest_not_noted", path=str(path))


def _note_of(path: Path) -> Path:
    return path.with_name(path.name + ".sha256.json")


@functools.lru_cache(maxsize=8)
def _sha256_of_version(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001  -- they are the cache's key
    return compute_sha256(path)
