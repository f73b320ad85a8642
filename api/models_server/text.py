"""A text model in this process, through llama.cpp's own server code."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import structlog

from api.models_server.wire import CANCELED, TOO_LONG, ApiError

CONTEXT_TOKENS = 4096
_BATCH_TOKENS = 128  # a prompt can be given up between two batches: 2 to 4 s on one core
_PROMPT_CACHE_MIB = 256

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Piece:
    """Text as it comes, with the log probability of each token if asked for."""

    text: str
    logprobs: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Finish:
    """The end of an answer: why it ended, tokens, and times in nanoseconds."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    prompt_ns: int
    tokens: int
    eval_ns: int
    load_ns: int


Emit = Callable[[Piece | Finish], None]


def runtime_problem() -> str | None:
    """Return why text models cannot run on this machine, in one sentence with the remedy; None if they can."""
    try:
        import xllamacpp  # noqa: F401, PLC0415  -- whether it loads is the question
    except ModuleNotFoundError:
        return "The text model cannot run: install the package xllamacpp, for example with `pip install xllamacpp`."
    except ImportError as error:
        if "libgomp" in str(error):
            return "The text model cannot run: install libgomp1, for example with `apt-get install libgomp1`."
        return f"The text model cannot run on this machine: {error}."
    return None


class TextModel:
    """One model file, loaded at its first call. Calls must come one at a time."""

    def __init__(self, *, threads: int) -> None:
        self._threads = threads
        self._server: Any = None

    @property
    def loaded(self) -> bool:
        """Tell whether the model is in memory."""
        return self._server is not None

    def load(self, path: Path) -> int:
        """Read the model into memory, unless it is there; return the nanoseconds that took.

        Raises:
            ApiError: 500, the runtime or the model cannot be loaded.
        """
        if self._server is not None:
            return 0
        if problem := runtime_problem():
            raise ApiError(500, problem)
        import xllamacpp  # noqa: PLC0415  -- 100 MB, and it needs libgomp

        began = time.monotonic_ns()
        try:
            self._server = xllamacpp.Server(self._parameters(xllamacpp, path))
        except Exception as error:
            raise ApiError(500, f"The text model {path.name} could not be loaded: {error}") from error
        took = time.monotonic_ns() - began
        log.info("text_model_loaded", file=path.name, seconds=round(took / 1e9, 1), threads=self._threads)
        return took

    def chat(
        self, path: Path, call: Mapping[str, Any], *, truncate: bool, emit: Emit, unwanted: threading.Event
    ) -> None:
        """Answer a chat request of llama.cpp's form, emitting pieces and one `Finish`.

        With `truncate` the oldest messages of a conversation that is too long are left out; a last message that is
        too long by itself is refused, never cut.

        Raises:
            ApiError: 400, the request makes no sense or does not fit; 499, it was given up; 500, the model failed.
        """
        load_ns = self.load(path)
        messages = list(call["messages"])
        while True:
            answer = _Answer(emit, unwanted, load_ns)
            request = {**call, "messages": messages, "stream": True, "return_progress": True}
            try:
                self._server.handle_chat_completions(request, answer.take)
            except ValueError as error:
                raise ApiError(400, f"invalid request: {error}") from error
            if not answer.too_long:
                return answer.close()
            shorter = _without_oldest(messages)
            if shorter is None or not truncate:
                raise ApiError(400, TOO_LONG)
            messages = shorter

    def _parameters(self, xllamacpp: Any, path: Path) -> Any:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx = CONTEXT_TOKENS
        parameters.n_parallel = 1
        parameters.n_batch = parameters.n_ubatch = _BATCH_TOKENS
        parameters.cache_ram_mib = _PROMPT_CACHE_MIB
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = self._threads
        parameters.verbosity = 0
        parameters.ui = False
        # The library opens a listener of its own on a random port; nobody knows this key, so nobody gets in.
        parameters.api_keys = [secrets.token_urlsafe(32)]
        return parameters


@dataclass
class _Answer:
    """What llama.cpp has said so far to one request."""

    emit: Emit
    unwanted: threading.Event
    load_ns: int
    finish: str = ""
    timings: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] = field(default_factory=dict)

    @property
    def too_long(self) -> bool:
        """Tell whether the request was refused for its length."""
        return self.error.get("type") == "exceed_context_size_error"

    def take(self, chunks: Any) -> bool:
        """Take a chunk, or a list of them; return whether to stop."""
        for chunk in chunks if isinstance(chunks, list) else [chunks]:
            self.error = chunk.get("error") or self.error
            self.timings = chunk.get("timings") or self.timings
            for choice in chunk.get("choices", ()):
                self.finish = choice.get("finish_reason") or self.finish
                logprobs = (choice.get("logprobs") or {}).get("content") or ()
                if (text := (choice.get("delta") or {}).get("content")) or logprobs:
                    self.emit(Piece(text or "", logprobs))
        return self.unwanted.is_set()

    def close(self) -> None:
        """Emit the finish.

        Raises:
            ApiError: the request failed, or was given up.
        """
        if self.unwanted.is_set():
            raise ApiError(499, CANCELED)
        if self.error:
            status = int(self.error.get("code", 500))
            raise ApiError(status if 400 <= status < 600 else 500, str(self.error.get("message", "the model failed")))
        self.emit(
            Finish(
                reason="length" if self.finish == "length" else "stop",
                prompt_tokens=self.timings.get("prompt_n", 0) + self.timings.get("cache_n", 0),
                prompt_ns=int(self.timings.get("prompt_ms", 0) * 1e6),
                tokens=self.timings.get("predicted_n", 0),
                eval_ns=int(self.timings.get("predicted_ms", 0) * 1e6),
                load_ns=self.load_ns,
            )
        )


def _without_oldest(messages: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]] | None:
    """Leave out the oldest message that is neither a system message nor the last one; None if there is none."""
    for position, message in enumerate(messages[:-1]):
        if message["role"] != "system":
            return [*messages[:position], *messages[position + 1 :]]
    return None
