"""The model runtime over Ollama's API: every answer checked, every failure named.

The failures and what they mean: refused connections, 503, timeouts, cut connections and pages that are not the API's
are the runtime's (ModelBusy, the work waits); 404 is the configuration's (ModelMissing); 400 and unusable vectors are
the text's (InputRefused); cut or unfit answers are the model's (AnswerUnusable).
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import ollama
from numpy.typing import NDArray

from helpdesk.ai.model import (
    Answer,
    AnswerUnusable,
    InputRefused,
    ModelIdentity,
    ModelMissing,
    Models,
    Prompt,
)
from helpdesk.ai.providers.breaker import Breaker
from helpdesk.ai.providers.embedding_calls import EmbeddingCalls, Raw
from helpdesk.ai.providers.failures import (
    FOREIGN_ERRORS,
    Result,
    call_with_patience,
    failure_of_error,
    failure_of_status,
)
from helpdesk.ai.providers.json_schema import decoded
from helpdesk.ai.providers.listing import Listing, full_name
from helpdesk.settings import Settings

CONNECT_TIMEOUT_S = 3.0
LISTING_TIMEOUT_S = 5.0
# One size for all calls: another one makes the runtime load the model anew.
CONTEXT_TOKENS = 4096
KEEP_ALIVE = "30m"
OPTIONS: dict[str, Any] = {"temperature": 0.0, "seed": 7, "num_ctx": CONTEXT_TOKENS}


class _Client(ollama.AsyncClient):
    """The client, with the two fields of a chat that it cannot send itself.

    Without them the runtime silently drops the oldest messages of a chat that is too long.
    """

    async def _request_raw(self, *args: Any, **kwargs: Any) -> httpx.Response:
        if args[1:2] == ("/api/chat",):
            kwargs["json"] = {**kwargs["json"], "truncate": False, "shift": False}
        response: httpx.Response = await super()._request_raw(*args, **kwargs)  # type: ignore[no-untyped-call]
        return response


def _client(settings: Settings, *, read_s: float) -> _Client:
    timeout = httpx.Timeout(read_s, connect=CONNECT_TIMEOUT_S)
    # A proxy of the environment is for the outside world, never for a runtime on this machine.
    return _Client(settings.ollama_host, timeout=timeout, trust_env=not _is_loopback(settings.ollama_host))


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _ask(call: Callable[[], Awaitable[Result]], *, model: str) -> Result:
    """Make a call and name what goes wrong."""
    try:
        return await call_with_patience(call)
    except ollama.ResponseError as error:
        raise failure_of_status(error.status_code, str(error.error), model=model) from error
    except FOREIGN_ERRORS as error:
        raise failure_of_error(error) from error


async def _list_models(client: ollama.AsyncClient) -> dict[str, str]:
    listed = await _ask(client.list, model="a list of its models")
    return {full_name(entry.model or ""): entry.digest or "" for entry in listed.models}


class OllamaEmbedder:
    """Turns texts into unit vectors with one of the runtime's models.

    Args:
        name: with `@DIMS` behind it, vectors are cut to so many numbers, which some models are made for; such vectors
            are a space of their own, with a digest of its own.
        kind: what its breaker is called in health reports; each model has its own, since a large one may be too much
            for a runtime that serves a small one well.
    """

    def __init__(self, *, name: str, client: ollama.AsyncClient, listing: Listing, kind: str | None = None) -> None:
        self.name = name
        self._client = client
        self._listing = listing
        self._model, _, self._cut_to = name.partition("@")
        self._calls = EmbeddingCalls(name, self._send, Breaker(kind or f"embed {name}"))
        self._dims: dict[str, int] = {}
        self._others = {name: self}

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        """Return which model answers; raise ModelBusy or ModelMissing."""
        digest = await self._listing.digest_of(self._model, fresh=fresh)
        if digest is None:
            raise ModelMissing(f"The model runtime does not have {self._model}.")
        return ModelIdentity(self.name, f"{digest}@{self._cut_to}" if self._cut_to else digest)

    def named(self, name: str) -> OllamaEmbedder:
        """Return another model of the same runtime; always the same object for the same name."""
        if name not in self._others:
            other = OllamaEmbedder(name=name, client=self._client, listing=self._listing)
            other._others = self._others
            self._others[name] = other
        return self._others[name]

    def breakers(self) -> list[Breaker]:
        """Return the breakers of all models of the runtime that were asked for."""
        return [other._calls.breaker for other in self._others.values()]  # noqa: SLF001 (objects of this class)

    @property
    def chars_per_token(self) -> float | None:
        """Return how few characters a token has in the densest texts so far, None before enough have been seen."""
        return self._calls.chars_per_token

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, float32 [len(texts), dims], checked for count, size and norm.

        Raises:
            ModelBusy: the runtime is away or overloaded.
            ModelMissing: it does not have the model, or its vectors changed their size.
            InputRefused: one of the texts is refused; too long ones are never cut silently.
        """
        if not texts:
            raise ValueError("There is no text to embed.")
        identity = await self.identify()
        vectors = await self._calls.embed(texts)
        if vectors.shape[1] != self._dims.setdefault(identity.digest, vectors.shape[1]):
            raise ModelMissing(f"The vectors of {self.name} changed their size.")
        return vectors

    async def _send(self, texts: Sequence[str]) -> Raw:
        dimensions = int(self._cut_to) if self._cut_to.isdigit() else None

        async def call() -> ollama.EmbedResponse:
            return await self._client.embed(
                self._model, list(texts), truncate=False, dimensions=dimensions, keep_alive=KEEP_ALIVE
            )

        answer = await _ask(call, model=self._model)
        return answer.embeddings, answer.prompt_eval_count


class OllamaLanguageModel:
    """Answers prompts with one of the runtime's models, one at a time in this process."""

    def __init__(self, *, name: str, client: ollama.AsyncClient, listing: Listing) -> None:
        self.name = name
        self.breaker = Breaker("text")
        self._client = client
        self._listing = listing
        self._one_at_a_time = asyncio.Semaphore(1)
        self._thinks: dict[str, bool] = {}

    async def identify(self) -> ModelIdentity | None:
        """Return which model answers, None when the runtime has no text model; raise ModelBusy."""
        digest = await self._listing.digest_of(self.name)
        return None if digest is None else ModelIdentity(self.name, digest)

    async def answer(self, prompt: Prompt, *, schema: dict[str, Any] | None, max_tokens: int) -> Answer:
        """Return an answer that fits the JSON schema (any text when it is None).

        An answer that was cut short or does not fit is asked for once more, with room for twice as many tokens.

        Raises:
            ModelBusy: the runtime is away or overloaded.
            ModelMissing: it does not have the model.
            InputRefused: the prompt is too long for the model.
            AnswerUnusable: the answer was cut short or does not fit, twice.
        """
        identity = await self.identify()
        if identity is None:
            raise ModelMissing(f"The model runtime does not have {self.name}.")
        async with self._one_at_a_time:
            try:
                return await self._attempt(prompt, schema, max_tokens, identity)
            except AnswerUnusable:
                answer = await self._attempt(prompt, schema, max_tokens * 2, identity)
                return replace(answer, retries=1)

    async def _attempt(
        self, prompt: Prompt, schema: dict[str, Any] | None, max_tokens: int, identity: ModelIdentity
    ) -> Answer:
        options = {**OPTIONS, "num_predict": max_tokens}
        with self.breaker.guard():
            think = False if await self._can_think(identity) else None

            async def call() -> ollama.ChatResponse:
                return await self._client.chat(
                    self.name,
                    [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
                    format=schema,
                    options=options,
                    think=think,
                    keep_alive=KEEP_ALIVE,
                )

            said = await _ask(call, model=self.name)
        return _checked_answer(said, schema=schema, identity=identity, options=options)

    async def _can_think(self, identity: ModelIdentity) -> bool:
        """Return whether the model thinks aloud; one that does and is not told otherwise leaves its answer empty."""
        if identity.digest not in self._thinks:
            try:
                shown = await _ask(lambda: self._client.show(self.name), model=self.name)
                self._thinks[identity.digest] = "thinking" in (shown.capabilities or ())
            except (ModelMissing, InputRefused):
                self._thinks[identity.digest] = False
        return self._thinks[identity.digest]


def _checked_answer(
    said: ollama.ChatResponse, *, schema: dict[str, Any] | None, identity: ModelIdentity, options: dict[str, Any]
) -> Answer:
    text = said.message.content or ""
    if said.done_reason == "length" and schema is not None:
        raise AnswerUnusable(f"The answer of {identity.name} was cut short.")
    if not text.strip():
        raise AnswerUnusable(f"The answer of {identity.name} is empty.")
    return Answer(
        text=text,
        value=None if schema is None else decoded(text, schema),
        model=identity,
        done_reason=said.done_reason or "stop",
        prompt_tokens=said.prompt_eval_count,
        output_tokens=said.eval_count,
        total_ms=_milliseconds(said.total_duration),
        load_ms=_milliseconds(said.load_duration),
        eval_ms=_milliseconds(said.eval_duration),
        options=options,
    )


def _milliseconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e6


@dataclass(frozen=True)
class OllamaModels(Models):
    """The models of one process behind one runtime, with what health reports need."""

    breakers: Callable[[], list[Breaker]]
    clients: tuple[ollama.AsyncClient, ...]

    def report(self) -> dict[str, Any]:
        """Return the state of every breaker by kind of call."""
        return {breaker.name: breaker.report() for breaker in self.breakers()}

    async def close(self) -> None:
        """Close every connection to the runtime."""
        for client in self.clients:
            await client.close()  # type: ignore[no-untyped-call]


def connect_models(settings: Settings) -> OllamaModels:
    """Return the models the settings name; nothing is called before the first use.

    Each class of calls has a client, timeouts and a breaker of its own, so vectors never wait behind text.
    """
    listing_client = _client(settings, read_s=LISTING_TIMEOUT_S)
    embed_client = _client(settings, read_s=settings.embed_timeout_s)
    text_client = _client(settings, read_s=settings.model_timeout_s)
    listing = Listing(lambda: _list_models(listing_client))
    embedder = OllamaEmbedder(name=settings.embedding_model, client=embed_client, listing=listing, kind="embed")
    language = OllamaLanguageModel(name=settings.text_model, client=text_client, listing=listing)
    return OllamaModels(
        embedder=embedder,
        language=language,
        breakers=lambda: [listing.breaker, *embedder.breakers(), language.breaker],
        clients=(listing_client, embed_client, text_client),
    )
