"""How fast a model has been of late."""

from __future__ import annotations

from collections import deque

_REMEMBERED = 20


class Speed:
    """Remembers the last calls of one model."""

    def __init__(self) -> None:
        self._calls: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)

    def learn(self, done: float | None, seconds: float) -> None:
        """Take in that so many tokens or texts took so long; nothing where the runtime does not count."""
        if done and seconds > 0:
            self._calls.append((done, seconds))

    @property
    def per_second(self) -> float | None:
        """Return tokens or texts a second over the last calls, None before the first."""
        seconds = sum(took for _, took in self._calls)
        return round(sum(done for done, _ in self._calls) / seconds, 1) if seconds else None
