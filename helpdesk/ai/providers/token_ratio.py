"""How many characters a token of a model has, learnt from what the runtime counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

_REMEMBERED = 200
_ENOUGH = 8
# Shorter ones say more about the two tokens that begin and end each text than about the text.
_LEAST_CHARS = 400
# Estimates are made to keep calls below a limit, so the dense texts count: few exceed what is planned for them.
_QUANTILE = 0.95
# What no tokenizer of an embedding model gets past, in either direction.
_LEAST, _MOST = 0.5, 8.0


class TokenRatio:
    """Remembers the last calls of one model."""

    def __init__(self) -> None:
        self._tokens_per_char: deque[float] = deque(maxlen=_REMEMBERED)

    def learn(self, texts: Sequence[str], tokens: int | None) -> None:
        """Take in how many tokens a call's texts had together; runtimes that do not count teach nothing."""
        characters = sum(map(len, texts))
        if tokens and characters >= _LEAST_CHARS:
            self._tokens_per_char.append(max(tokens - 2 * len(texts), 1) / characters)

    @property
    def chars_per_token(self) -> float | None:
        """Return how few characters a token has in the densest texts, None before enough calls have been seen."""
        if len(self._tokens_per_char) < _ENOUGH:
            return None
        dense = float(np.quantile(self._tokens_per_char, _QUANTILE))
        return round(min(_MOST, max(_LEAST, 1 / dense)), 2)
