"""How many texts a model takes in one call: fewer after a call that was too slow, more again with time."""

from __future__ import annotations

from helpdesk.ai.providers.vector_checks import MAX_TEXTS_A_CALL

# Calls in a row that were answered in time, after which a larger one is tried.
_CALM = 20


class Pace:
    """Learns from the calls of one model."""

    def __init__(self) -> None:
        self.texts = MAX_TEXTS_A_CALL
        self._in_time = 0

    def too_slow(self, texts: int) -> None:
        """Take in that a call with so many texts was not answered in time; the next ones have half as many at most."""
        self.texts = max(1, min(self.texts, texts) // 2)
        self._in_time = 0

    def in_time(self) -> None:
        """Take in that a call was answered in time."""
        self._in_time += 1
        if self._in_time >= _CALM and self.texts < MAX_TEXTS_A_CALL:
            self.texts = min(MAX_TEXTS_A_CALL, self.texts * 2)
            self._in_time = 0
