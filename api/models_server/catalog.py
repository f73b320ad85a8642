"""The models this server offers, as Ollama's list shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.models_server.embedding import DIMENSIONS, MAX_TOKENS, MODEL_SHA256
from api.models_server.text import CONTEXT_TOKENS
from helpdesk.ai.weights.model_catalog import MODEL_FILES
from helpdesk.ai.weights.model_files import installed

EMBEDDING_MODEL = "all-minilm:latest"
_TEXT_SIZES = {"qwen2.5-coder:1.5b": ("1.5B", 28, 1536), "qwen2.5-coder:0.5b": ("494.03M", 24, 896)}


@dataclass(frozen=True)
class Offered:
    """A model that can be called now."""

    name: str
    path: Path
    digest: str
    details: dict[str, Any]
    info: dict[str, Any]
    context_tokens: int
    capability: str

    def entry(self) -> dict[str, Any]:
        """Return the model's entry in the list."""
        stat = self.path.stat()
        return {
            "name": self.name,
            "model": self.name,
            "modified_at": datetime.fromtimestamp(stat.st_mtime, UTC).isoformat().replace("+00:00", "Z"),
            "size": stat.st_size,
            "digest": self.digest,
            "details": self.details,
        }


@dataclass(frozen=True)
class Catalog:
    """The embedding model, and one text model or none, whose file may still be on its way."""

    embedding_path: Path
    data_dir: Path
    text_model: str | None

    def text(self) -> Offered | None:
        """Return the text model once its verified file is there."""
        if self.text_model is None:
            return None
        files = installed(self.data_dir, catalog={self.text_model: MODEL_FILES[self.text_model]})
        if not files:
            return None
        size, blocks, width = _TEXT_SIZES[self.text_model]
        info = {"qwen2.context_length": CONTEXT_TOKENS, "qwen2.embedding_length": width}
        return Offered(
            name=self.text_model,
            path=files[0].path,
            digest=files[0].sha256,
            details=_details("gguf", "qwen2", size, "Q4_K_M"),
            info={"general.architecture": "qwen2", "qwen2.block_count": blocks, **info},
            context_tokens=CONTEXT_TOKENS,
            capability="completion",
        )

    def embedding(self) -> Offered:
        """Return the embedding model."""
        info = {"bert.context_length": MAX_TOKENS, "bert.embedding_length": DIMENSIONS}
        return Offered(
            name=EMBEDDING_MODEL,
            path=self.embedding_path,
            digest=MODEL_SHA256,
            details=_details("onnx", "bert", "23M", "INT8"),
            info={"general.architecture": "bert", "bert.block_count": 6, **info},
            context_tokens=MAX_TOKENS,
            capability="embedding",
        )

    def find(self, name: str) -> Offered | None:
        """Return the model of this name, if it can be called; a name without a tag means the tag `latest`."""
        if full_name(name) == EMBEDDING_MODEL:
            return self.embedding()
        return self.text() if full_name(name) == self.text_model else None


def full_name(name: str) -> str:
    """Return the name with its tag."""
    return name if ":" in name else f"{name}:latest"


def _details(file_format: str, family: str, parameters: str, quantization: str) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": file_format,
        "family": family,
        "families": [family],
        "parameter_size": parameters,
        "quantization_level": quantization,
    }
