"""A circuit breaker: a runtime that is away is left alone for a while, then asked once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import structlog

from helpdesk.ai.model import ModelBusy
from helpdesk.observability.metrics import models

log = structlog.get_logger(__name__)


class BreakerState(StrEnum):
    """What a breaker does with the next call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Counts failures in a row of one kind of call.

    Args:
        name: the kind of call, for health reports.
        failures_to_open: failures in a row after which calls are refused.
        cooldown_s: seconds of refusal after the first opening; doubled by each failed probe.
        longest_cooldown_s: where the doubling ends.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        name: str,
        *,
        failures_to_open: int = 3,
        cooldown_s: float = 5.0,
        longest_cooldown_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._failures_to_open = failures_to_open
        self._first_cooldown_s = cooldown_s
        self._longest_cooldown_s = longest_cooldown_s
        self._clock = clock
        self._failures = 0
        self._cooldown_s = cooldown_s
        self._open_until: float | None = None
        self._probing = False
        self._last_error: str | None = None
        self._last_failure: tuple[str, float] | None = None
        models.watch_breaker(self)

    @property
    def state(self) -> BreakerState:
        """Return what the next call would meet."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._clock() < self._open_until else BreakerState.HALF_OPEN

    def report(self) -> dict[str, Any]:
        """Return the state in a form a health page can show.

        `last_error` is what keeps it from working now, `last_failure` what did the last time, however long ago.
        """
        waiting = 0.0 if self._open_until is None else max(0.0, self._open_until - self._clock())
        return {
            "state": self.state.value,
            "failures": self._failures,
            "retry_in_s": round(waiting, 1),
            "last_error": self._last_error,
            "last_failure": None if self._last_failure is None else self._last_failure[0],
            "last_failure_ago_s": None if self._last_failure is None else round(self._clock() - self._last_failure[1]),
        }

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Let one call through, and learn from how it ends: only ModelBusy counts as a failure.

        Raises:
            ModelBusy: without a call, while the breaker is open or another probe is under way.
        """
        probe = self._admit()
        try:
            yield
        except ModelBusy as busy:
            self._failed(busy.detail, probe=probe)
            raise
        except Exception:
            self._answered()
            raise
        else:
            self._answered()
        finally:
            # A cancelled probe proves nothing, but must not block the next one.
            if probe:
                self._probing = False

    def _admit(self) -> bool:
        match self.state:
            case BreakerState.CLOSED:
                return False
            case BreakerState.HALF_OPEN if not self._probing:
                self._probing = True
                return True
            case _:
                models.BREAKER_REFUSALS.labels(self.name).inc()
                waiting = max(1.0, (self._open_until or 0.0) - self._clock())
                raise ModelBusy(f"The model runtime was away just now: {self._last_error}", retry_after=waiting)

    def _failed(self, detail: str, *, probe: bool) -> None:
        self._failures += 1
        self._last_error = detail
        self._last_failure = (detail, self._clock())
        if probe:
            self._cooldown_s = min(self._longest_cooldown_s, self._cooldown_s * 2)
        if probe or self._failures >= self._failures_to_open:
            was_closed = self._open_until is None
            self._open_until = self._clock() + self._cooldown_s
            if was_closed:
                models.BREAKER_OPENINGS.labels(self.name).inc()
                log.warning("model_breaker_opened", calls=self.name, reason=detail, retry_s=self._cooldown_s)

    def _answered(self) -> None:
        if self._open_until is not None:
            log.info("model_breaker_closed", calls=self.name)
        self._failures = 0
        self._cooldown_s = self._first_cooldown_s
        self._open_until = None
        self._last_error = None
