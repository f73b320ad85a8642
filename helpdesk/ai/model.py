"""What the product asks of a model runtime, and how that can fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from helpdesk.errors import HelpdeskError, Unavailable


class ModelBusy(Unavailable):
    """The model runtime does not answer for now; the work waits."""

    def __init__(self, detail: str = "", *, retry_after: float = 15.0) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.retry_after = retry_after


class ModelSlow(ModelBusy):
    """The model runtime does not answer in time."""


class ModelMissing(Unavailable):
    """The model runtime answers, but does not have the model."""


class InputRefused(HelpdeskError):
    """The runtime refuses one text: too long for the model, or not representable."""


class AnswerUnusable(HelpdeskError):
    """The model answered, but not in the form it was asked for."""


@dataclass(frozen=True)
class ModelIdentity:
    """Which model exactly: its tag can move, its digest cannot."""

    name: str
    digest: str


@dataclass(frozen=True)
class Prompt:
    """A versioned prompt, filled in.

    Attributes:
        id, version: which prompt it is; a changed text has a new version.
        system: the instructions.
        user: the data, fenced; never instructions.
    """

    id: str
    version: int
    system: str
    user: str


@dataclass(frozen=True)
class Answer:
    """What a text model said, with the figures the runtime gave.

    Attributes:
        text: the answer as it came.
        value: the answer decoded, when a schema was given and it fits.
        done_reason: `stop` or `length`.
        total_ms, load_ms, eval_ms: milliseconds, None where the runtime does not say.
    """

    text: str
    value: dict[str, Any] | None
    model: ModelIdentity
    done_reason: str
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    total_ms: float | None = None
    load_ms: float | None = None
    eval_ms: float | None = None
    retries: int = 0
    options: dict[str, Any] = field(default_factory=dict)


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        """Return which model answers, by the runtime's word of the last minute, or of now when it must be fresh.

        Raises:
            ModelBusy, ModelMissing: the runtime cannot say.
        """
        ...

    def named(self, name: str) -> Embedder:
        """Return another model of the same runtime; `NAME@DIMS` has its vectors cut to so many numbers."""
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, float32 [len(texts), dims], checked for count, size and norm.

        Raises:
            ModelBusy: the runtime is away or overloaded.
            ModelMissing: it does not have the model.
            InputRefused: one of the texts is refused.
        """
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """An embedder that learns how long its model's tokens are."""

    @property
    def chars_per_token(self) -> float | None:
        """Return how few characters a token has in the densest texts so far, None before enough have been seen."""
        ...


class LanguageModel(Protocol):
    """Answers prompts in a given form."""

    async def identify(self) -> ModelIdentity | None:
        """Return which model answers, None when the runtime has no text model; raise ModelBusy."""
        ...

    async def answer(self, prompt: Prompt, *, schema: dict[str, Any] | None, max_tokens: int) -> Answer:
        """Return an answer that fits the JSON schema (any text when it is None).

        Raises:
            ModelBusy: the runtime is away or overloaded.
            ModelMissing: it does not have the model.
            AnswerUnusable: the answer was cut short or does not fit, twice.
        """
        ...


@dataclass(frozen=True)
class Models:
    """The models of one process."""

    embedder: Embedder
    language: LanguageModel
