"""Calls of one embedding model: as large as it bears, each answer checked, each refusal laid at the right door."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import InputRefused, ModelBusy, ModelSlow
from helpdesk.ai.providers.breaker import Breaker
from helpdesk.ai.providers.call_log import embedding_call
from helpdesk.ai.providers.pace import Pace
from helpdesk.ai.providers.speed import Speed
from helpdesk.ai.providers.token_ratio import TokenRatio
from helpdesk.ai.providers.vector_checks import batches, checked_vectors

# Vectors as they came, and how many tokens the texts had, None where the runtime does not count.
Raw = tuple[Sequence[Sequence[float]], int | None]

_HARMLESS = "The printer is on the second floor."


class EmbeddingCalls:
    """Makes the calls of one model.

    Args:
        send: makes one call; raises what `failures` names.
        breaker: of its own for each model, since a large one may be too much for a runtime that serves a small one.

    Attributes:
        speed: texts a second.
    """

    def __init__(self, name: str, send: Callable[[Sequence[str]], Awaitable[Raw]], breaker: Breaker) -> None:
        self.breaker = breaker
        self._name = name
        self._send = send
        self._ratio = TokenRatio()
        self._pace = Pace()
        self.speed = Speed()

    @property
    def chars_per_token(self) -> float | None:
        """Return how few characters a token has in the densest texts so far, None before enough have been seen."""
        return self._ratio.chars_per_token

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, float32 [len(texts), dims].

        Raises:
            ModelBusy, ModelMissing, InputRefused: see `Embedder`.
        """
        return np.concatenate([await self._in_time(batch) for batch in batches(texts, most=self._pace.texts)])

    async def _in_time(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed a batch, in halves when the whole was too much for the time there is."""
        try:
            vectors = await self._once(texts)
        except ModelSlow:
            self._pace.too_slow(len(texts))
            if len(texts) == 1:
                raise
            halves = (texts[: len(texts) // 2], texts[len(texts) // 2 :])
            return np.concatenate([await self._in_time(half) for half in halves])
        except InputRefused:
            if len(texts) == 1:
                await self._blame_the_text()
            raise
        self._pace.in_time()
        return vectors

    async def _blame_the_text(self) -> None:
        """Return if the runtime embeds a harmless text: then what it has refused is that text's own fault.

        Raises:
            ModelBusy: it refuses any text, which no text is to suffer for.
        """
        try:
            await self._once([_HARMLESS])
        except InputRefused as broken:
            detail = f"{self._name} refuses every text: {broken.detail}"
            raise ModelBusy(detail, retry_after=60) from broken

    async def _once(self, texts: Sequence[str]) -> NDArray[np.float32]:
        began = time.perf_counter()
        with embedding_call(self._name, texts=len(texts)) as called, self.breaker.guard():
            called.sent = True
            raw, tokens = await self._send(texts)
            called.prompt_tokens = tokens
        self.speed.learn(len(texts), time.perf_counter() - began)
        vectors = checked_vectors(raw, count=len(texts))
        self._ratio.learn(texts, tokens)
        return vectors
