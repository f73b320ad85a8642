"""Where a model file can come from. What a source delivers is untrusted: `model_files` checks the sha256 before use."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, Self

Progress = Callable[[int, int], None]
_BLOCK = 1 << 20


class SourceFailed(Exception):
    """A source could not deliver the file."""


class Source(Protocol):
    """One place a model file can come from."""

    @property
    def title(self) -> str:
        """Name the source for a log line or an error."""

    def fill(self, part: Path, size: int, on_progress: Progress) -> None:
        """Write the whole file to `part`, going on where an earlier call was cut off.

        Args:
            part: the file to write; what else the source keeps has a name that starts with this one.
            size: bytes of the finished file.
            on_progress: called with the bytes that are there and `size`; what it raises ends the call.

        Raises:
            SourceFailed: the source is away, or is no such file.
        """


@dataclass(frozen=True)
class OperatorFile:
    """A file the operator has put on this machine."""

    path: Path

    @property
    def title(self) -> str:
        """Name the file."""
        return f"the file {self.path}"

    def fill(self, part: Path, size: int, on_progress: Progress) -> None:
        """Copy the file; its own size counts, since an operator may choose another one."""
        state_of(part).unlink(missing_ok=True)
        try:
            size = self.path.stat().st_size
            with self.path.open("rb") as source, part.open("wb") as target:
                copy(source, target, most=size, on_bytes=lambda done: on_progress(done, size))
        except OSError as error:
            raise SourceFailed(f"{self.path} cannot be copied: {error.strerror or error}") from error


@dataclass(frozen=True)
class HubRepository:
    """The publisher's own repository on the model hub, through the hub's client where that is installed."""

    repository: str
    file_name: str
    endpoint: str | None = None

    @property
    def title(self) -> str:
        """Name the repository."""
        return f"the model hub ({self.repository})"

    def fill(self, part: Path, size: int, on_progress: Progress) -> None:
        """Download with the hub's client, which resumes by itself; give up within seconds when the hub is away."""
        if importlib.util.find_spec("huggingface_hub") is None:
            raise SourceFailed("the package huggingface_hub is not installed")
        import huggingface_hub as hub  # noqa: PLC0415  -- optional, and slow to import

        stopped: list[BaseException] = []

        def report(done: int) -> None:
            try:
                on_progress(min(done, size), size)
            except BaseException as reason:
                stopped.append(reason)
                raise

        try:
            url = hub.hf_hub_url(self.repository, self.file_name, endpoint=self.endpoint)
            hub.get_hf_file_metadata(url, timeout=3)
            path = hub.hf_hub_download(
                self.repository,
                self.file_name,
                local_dir=part.with_name(part.name + ".hub"),
                endpoint=self.endpoint,
                tqdm_class=_progress_bar(report),
            )
        # The client raises errors of its own, of its HTTP library and of the system; all mean the same here.
        except Exception as error:
            if stopped:
                raise
            raise SourceFailed(f"the model hub did not deliver ({type(error).__name__})") from error
        state_of(part).unlink(missing_ok=True)
        Path(path).replace(part)


def _progress_bar(on_bytes: Callable[[int], None]) -> Any:
    """Make the class that the hub's client fills as its progress bar."""

    class Bar:
        def __init__(self, *, initial: int = 0, **_: object) -> None:
            self.done = initial

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def update(self, count: float | None = 1) -> None:
            self.done += int(count or 0)
            on_bytes(self.done)

        def close(self) -> None: ...

    return Bar


def state_of(part: Path) -> Path:
    """Return where a source keeps what it must know to go on with `part`."""
    return part.with_name(part.name + ".json")


def copy(source: IO[bytes], target: IO[bytes], *, most: int, on_bytes: Callable[[int], None]) -> int:
    """Copy a stream in blocks; return the bytes copied.

    Raises:
        SourceFailed: there are more than `most` bytes, so this cannot be the right file.
    """
    done = 0
    while block := source.read(_BLOCK):
        done += len(block)
        if done > most:
            raise SourceFailed("it holds more bytes than the model file has")
        target.write(block)
        on_bytes(done)
    return done
