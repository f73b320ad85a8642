"""Vectors of one of the runtime's models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import ModelIdentity, ModelMissing, TextStaysHere
from helpdesk.ai.providers.breaker import Breaker
from helpdesk.ai.providers.embedding_calls import EmbeddingCalls, Raw
from helpdesk.ai.providers.listing import Listing, is_cloud_name
from helpdesk.ai.providers.ollama.client import OllamaClient
from helpdesk.redaction import redacted


class OllamaEmbedder:
    """Turns texts into unit vectors with one of the runtime's models.

    Args:
        name: with `@DIMS` behind it, vectors are cut to so many numbers, which some models are made for; such vectors
            are a space of their own, with a digest of its own.
        kind: what its breaker is called in health reports; each model has its own, since a large one may be too much
            for a runtime that serves a small one well.
        stays_here: whether text sent there stays with the operator. An index holds all organisations' text, so where
            it does not stay, nothing is sent.
    """

    def __init__(
        self, *, name: str, client: OllamaClient, listing: Listing, stays_here: bool = True, kind: str | None = None
    ) -> None:
        self.name = name
        self._client = client
        self._listing = listing
        self._stays_here = stays_here
        self._model, _, self._cut_to = name.partition("@")
        self._calls = EmbeddingCalls(name, self._send, Breaker(kind or f"embed {name}"))
        self._dims: dict[str, int] = {}
        self._others = {name: self}

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        """Return which model answers; raise ModelBusy or ModelMissing."""
        if not self._stays_here:
            raise TextStaysHere(
                "The model runtime is not on this host, and texts are not sent there for vectors: "
                "if the host is yours, name it in ATUM_OWN_MODEL_HOSTS."
            )
        found = await self._listing.find(self._model, fresh=fresh)
        if found is None:
            raise ModelMissing(f"The model runtime does not have {self._model}.")
        if found.remote or is_cloud_name(self._model):
            raise TextStaysHere(
                f"{self._model} is computed by somebody else, and texts are not sent there for vectors."
            )
        return ModelIdentity(self.name, f"{found.digest}@{self._cut_to}" if self._cut_to else found.digest)

    def named(self, name: str) -> OllamaEmbedder:
        """Return another model of the same runtime; always the same object for the same name."""
        if name not in self._others:
            other = OllamaEmbedder(name=name, client=self._client, listing=self._listing, stays_here=self._stays_here)
            other._others = self._others
            self._others[name] = other
        return self._others[name]

    def breakers(self) -> list[Breaker]:
        """Return the breakers of all models of the runtime that were asked for."""
        return [other.calls.breaker for other in list(self._others.values())]

    @property
    def calls(self) -> EmbeddingCalls:
        """Return the calls of this model, with their breaker and speed."""
        return self._calls

    @property
    def chars_per_token(self) -> float | None:
        """Return how few characters a token has in the densest texts so far, None before enough have been seen."""
        return self._calls.chars_per_token

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, float32 [len(texts), dims], checked for count, size and norm.

        What should not be seen by a model is taken out of every text before.

        Raises:
            ModelBusy: the runtime is away or overloaded.
            ModelMissing: it does not have the model, its vectors changed their size, or text may not be sent to it.
            InputRefused: one of the texts is refused; too long ones are never cut silently.
        """
        if not texts:
            raise ValueError("There is no text to embed.")
        identity = await self.identify()
        vectors = await self._calls.embed([redacted(text) for text in texts])
        if vectors.shape[1] != self._dims.setdefault(identity.digest, vectors.shape[1]):
            raise ModelMissing(f"The vectors of {self.name} changed their size.")
        return vectors

    async def _send(self, texts: Sequence[str]) -> Raw:
        dimensions = int(self._cut_to) if self._cut_to.isdigit() else None
        return await self._client.embed(self._model, texts, dimensions=dimensions)
