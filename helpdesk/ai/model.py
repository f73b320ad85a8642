"""What the product asks of a model runtime, and how that can fail."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from helpdesk.errors import HelpdeskError, Unavailable

Number = TypeVar("Number", int, float)


class ModelBusy(Unavailable):
    """The model runtime does not answer for now; the work waits."""

    def __init__(self, detail: str = "", *, retry_after: float = 15.0) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.retry_after = retry_after


class ModelSlow(ModelBusy):
    """The model runtime does not answer in time."""


class ModelMissing(Unavailable):
    """The model runtime answers, but does not have the model."""


class TextStaysHere(ModelMissing):
    """Text may not be sent to where the model is; only another setting changes that."""


class InputRefused(HelpdeskError):
    """The runtime refuses one text: too long for the model, or not representable."""


@dataclass(frozen=True)
class Spent:
    """What calls of a text model have cost; None where the runtime does not say."""

    prompt_tokens: int | None = None
    output_tokens: int | None = None
    total_ms: float | None = None

    def __add__(self, other: Spent) -> Spent:
        """Return the cost of both."""
        return Spent(
            _sum(self.prompt_tokens, other.prompt_tokens),
            _sum(self.output_tokens, other.output_tokens),
            _sum(self.total_ms, other.total_ms),
        )


def _sum(one: Number | None, other: Number | None) -> Number | None:
    return one if other is None else other if one is None else one + other


class Meter:
    """How long a runtime was busy with what was asked while the meter runs, also where no answer came of it.

    Waiting for a turn does not count.

    Attributes:
        ms: milliseconds; None while nothing was asked.
    """

    def __init__(self) -> None:
        self.ms: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the calls that are made while the context is open."""
        token = _meter.set(self)
        try:
            yield
        finally:
            _meter.reset(token)


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[None]:
    """Have the time that the context is open counted by the meter that runs, however it is left."""
    began = time.perf_counter()
    try:
        yield
    finally:
        if (meter := _meter.get()) is not None:
            meter.ms = round((meter.ms or 0.0) + (time.perf_counter() - began) * 1000, 1)


class AnswerUnusable(HelpdeskError):
    """The model answered, but not in the form it was asked for.

    Attributes:
        cut_short: whether there was no room for the whole answer.
        spent: what it has cost all the same.
    """

    def __init__(self, detail: str = "", *, cut_short: bool = False, spent: Spent | None = None) -> None:
        super().__init__(detail)
        self.cut_short = cut_short
        self.spent = Spent() if spent is None else spent


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
        sha: hash of the template that it was filled from.
        boundary: the line that fences the data; no answer has a reason to repeat it.
        canary: random characters of the instructions that no answer may hold; empty where they have none.
        mark: what each line of the data begins with; empty where lines are not marked.
        data: the texts as they are shown, by name: cleaned, redacted, cut, without fence and mark.
        raw: the same texts as they came; for nobody but the record of an organisation that keeps them.
    """

    id: str
    version: int
    system: str
    user: str
    sha: str = ""
    boundary: str = ""
    canary: str = ""
    mark: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, str] = field(default_factory=dict, repr=False)


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


@runtime_checkable
class TakesTurns(Protocol):
    """A text model whose calls wait for each other, and of which those go first that a person waits for."""

    def interactive(self) -> LanguageModel:
        """Return the same model with calls that a person waits for."""
        ...


@runtime_checkable
class Adjustable(Protocol):
    """A text model whose runtime has others, and that can be asked with other options than the usual ones."""

    def adjusted(self, *, name: str | None = None, options: Mapping[str, Any] | None = None) -> LanguageModel:
        """Return another model of the same runtime, or the same one with other options; None leaves it as it is."""
        ...


@dataclass(frozen=True)
class Bounds:
    """How much of the text model one organisation may use in 24 hours; None is no bound.

    Attributes:
        tokens: of prompts and answers.
        seconds: that the runtime was busy with its calls.
    """

    tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Models:
    """The models of one process.

    Attributes:
        language: the text model of an organisation that lets no text leave the host.
        language_off_host: that of one which does; None where it is the same.
        bounds: what the operator allows each organisation.
    """

    embedder: Embedder
    language: LanguageModel
    language_off_host: LanguageModel | None = None
    bounds: Bounds = Bounds()

    def report(self) -> dict[str, Any]:
        """Return how each kind of call fares, by its name."""
        return {}
