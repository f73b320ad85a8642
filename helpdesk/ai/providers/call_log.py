"""One line of the log for each call of a model; whose call it is, the context says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from helpdesk.ai.model import AnswerUnusable, InputRefused, ModelBusy, ModelMissing, ModelSlow, Prompt
from helpdesk.observability import tracing
from helpdesk.observability.metrics import models

log = structlog.get_logger(__name__)

_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (ModelSlow, "slow"),
    (ModelBusy, "busy"),
    (ModelMissing, "missing"),
    (InputRefused, "refused"),
    (AnswerUnusable, "unusable"),
    (asyncio.CancelledError, "cancelled"),
)


@dataclass
class Called:
    """How a call went.

    Attributes:
        outcome: `ok`, or in a word why not.
        sent: whether the runtime was asked at all; not where a breaker is open.
        prompt_tokens, output_tokens: None where the runtime does not say.
    """

    outcome: str = "failed"
    sent: bool = False
    duration_ms: float = 0.0
    prompt_tokens: int | None = None
    output_tokens: int | None = None


@contextmanager
def text_call(model: str, prompt: Prompt) -> Iterator[Called]:
    """Log a call of a text model when the context is left: which prompt it was, never a word of it."""
    called = Called()
    try:
        with _traced("text", model, called), _timed(called):
            yield called
    finally:
        _measure("text", model, called)
        log.info(
            "model_called",
            kind="text",
            model=model,
            prompt_id=prompt.id,
            prompt_version=prompt.version,
            outcome=called.outcome,
            duration_ms=called.duration_ms,
            prompt_tokens=called.prompt_tokens,
            output_tokens=called.output_tokens,
        )


@contextmanager
def embedding_call(model: str, *, texts: int) -> Iterator[Called]:
    """Log a call of an embedding model when the context is left; at debug, since there are many."""
    called = Called()
    try:
        with _traced("embedding", model, called), _timed(called):
            yield called
    finally:
        _measure("embedding", model, called)
        log.debug(
            "model_called",
            kind="embedding",
            model=model,
            texts=texts,
            outcome=called.outcome,
            duration_ms=called.duration_ms,
            prompt_tokens=called.prompt_tokens,
        )


@contextmanager
def _traced(kind: str, model: str, called: Called) -> Iterator[None]:
    with tracing.step(f"{kind} model", kind="client", gen_ai__request__model=model) as step:
        try:
            yield
        finally:
            step.told(
                outcome=called.outcome,
                failed=None if called.outcome == "ok" else called.outcome,
                gen_ai__usage__input_tokens=called.prompt_tokens,
                gen_ai__usage__output_tokens=called.output_tokens,
            )


def _measure(kind: str, model: str, called: Called) -> None:
    if called.sent:
        models.called(kind, model, called.outcome, called.duration_ms / 1000)
        models.tokens(kind, model, prompt=called.prompt_tokens, output=called.output_tokens)


@contextmanager
def _timed(called: Called) -> Iterator[None]:
    began = time.perf_counter()
    try:
        yield
        called.outcome = "ok"
    except BaseException as error:
        called.outcome = next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "failed")
        raise
    finally:
        called.duration_ms = round(1000 * (time.perf_counter() - began), 1)
