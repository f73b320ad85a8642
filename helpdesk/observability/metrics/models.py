"""What is asked of models: how long calls take, what they cost, and whether the runtime is left alone."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from helpdesk.observability.metrics.registry import (
    SLOW_S,
    WAIT_S,
    Labels,
    Names,
    Readings,
    counter,
    gauge,
    histogram,
    labelled,
)

CALL = histogram(
    "atum_model_call_seconds",
    "How long calls of a model took: ok, slow, busy, missing, refused, cancelled or failed.",
    ("kind", "model", "outcome"),
    buckets=SLOW_S,
)
TOKENS = counter(
    "atum_model_tokens_total", "Tokens of prompts and answers, as the runtime counts them.", ("kind", "model", "of")
)
UNUSABLE = counter(
    "atum_model_unusable_answers_total", "Answers that were empty, cut short or not in the form asked for.", ("model",)
)
TURN_WAIT = histogram(
    "atum_model_turn_wait_seconds",
    "Wait for a turn with the text model: of people, and of work that nobody waits for.",
    ("who",),
    buckets=WAIT_S,
)
TURNS_WAITING = gauge("atum_model_turns_waiting", "Calls that wait for a turn with the text model.", ("who",))
BREAKER = Readings(
    "atum_model_breaker_state",
    "Is 1 for what the breaker of a kind of call does: closed, open or half_open.",
    ("calls", "state"),
)
BREAKER_OPENINGS = counter("atum_model_breaker_openings_total", "Times that a breaker opened.", ("calls",))
BREAKER_REFUSALS = counter(
    "atum_model_breaker_refusals_total", "Calls that an open breaker did not let out.", ("calls",)
)

_STATES = ("closed", "half_open", "open")
# What evaluations and replays ask for is theirs to name.
_models = Names(30)


def called(kind: str, model: str, outcome: str, seconds: float) -> None:
    """Count a call that the runtime was asked for, however it ended."""
    labelled(CALL, kind, _models.of(model), outcome).observe(seconds)


def tokens(kind: str, model: str, *, prompt: int | None, output: int | None = None) -> None:
    """Count tokens; nothing where the runtime does not."""
    for of, number in (("prompt", prompt), ("output", output)):
        if number:
            labelled(TOKENS, kind, _models.of(model), of).inc(number)


def unusable(model: str) -> None:
    """Count an answer that cannot be used."""
    labelled(UNUSABLE, _models.of(model)).inc()


@contextmanager
def waiting_for_turn(*, interactive: bool) -> Iterator[None]:
    """Measure a wait for a turn."""
    who = "person" if interactive else "work"
    began = time.perf_counter()
    with labelled(TURNS_WAITING, who).track_inprogress():
        yield
    labelled(TURN_WAIT, who).observe(time.perf_counter() - began)


class HasState(Protocol):
    """A breaker."""

    name: str

    @property
    def state(self) -> str:
        """Return `closed`, `open` or `half_open`."""
        ...


_breakers: weakref.WeakSet[HasState] = weakref.WeakSet()


def watch_breaker(breaker: HasState) -> None:
    """Show what a breaker does for as long as it lives; of several of one name, the worst."""
    _breakers.add(breaker)


def _states() -> Mapping[Labels, float]:
    worst: dict[str, int] = {}
    for breaker in list(_breakers):
        worst[breaker.name] = max(worst.get(breaker.name, 0), _STATES.index(breaker.state))
    return {
        (calls, state): float(place == found) for calls, found in worst.items() for place, state in enumerate(_STATES)
    }


BREAKER.read = _states
