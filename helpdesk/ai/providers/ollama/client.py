"""Calls of Ollama's API with every failure named; the one module that knows the client library.

The failures and what they mean: refused connections, 503, timeouts, cut connections, redirects and pages that are not
the API's are the runtime's (ModelBusy, the work waits); 404 is the configuration's (ModelMissing); 400 and unusable
vectors are the text's (InputRefused); cut or unfit answers are the model's (AnswerUnusable).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import ollama
from pydantic import BaseModel

from helpdesk.ai.model import InputRefused, ModelMissing, Prompt
from helpdesk.ai.providers.failures import (
    FOREIGN_ERRORS,
    Result,
    call_with_patience,
    failure_of_error,
    failure_of_status,
)
from helpdesk.ai.providers.listing import Listed, full_name
from helpdesk.ai.providers.speaking import Said

CONNECT_TIMEOUT_S = 3.0
KEEP_ALIVE = "30m"


class _Entry(BaseModel):
    """A model as the list shows it; one with a remote host is computed elsewhere."""

    model: str = ""
    digest: str = ""
    remote_host: str | None = None
    remote_model: str | None = None


class _Listing(BaseModel):
    models: list[_Entry]


class _Version(BaseModel):
    version: str


class _Client(ollama.AsyncClient):
    """The client, with the two fields of a chat that it cannot send itself, and two calls it makes no use of.

    Without the fields the runtime silently drops the oldest messages of a chat that is too long.
    """

    async def _request_raw(self, *args: Any, **kwargs: Any) -> httpx.Response:
        if args[1:2] == ("/api/chat",):
            kwargs["json"] = {**kwargs["json"], "truncate": False, "shift": False}
        response: httpx.Response = await super()._request_raw(*args, **kwargs)  # type: ignore[no-untyped-call]
        return response

    async def entries(self) -> _Listing:
        return await self._request(_Listing, "GET", "/api/tags")

    async def version(self) -> _Version:
        return await self._request(_Version, "GET", "/api/version")


@dataclass(frozen=True)
class Shown:
    """What a runtime says of a model.

    Attributes:
        context_tokens: how long a text the model was made for, None where it is not said.
    """

    capabilities: tuple[str, ...]
    context_tokens: int | None


class OllamaClient:
    """One class of calls with timeouts of its own.

    Redirects are not followed, and proxies of the environment not used: text goes to the address that was set, or
    nowhere.
    """

    def __init__(self, host: str, *, read_s: float) -> None:
        timeout = httpx.Timeout(read_s, connect=CONNECT_TIMEOUT_S)
        trust: dict[str, Any] = {"verify": httpx.create_ssl_context()} if host.startswith("https:") else {}
        self._client = _Client(host, timeout=timeout, trust_env=False, follow_redirects=False, **trust)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def version(self) -> str:
        """Return the runtime's version; raise ModelBusy."""
        return (await _ask(self._client.version, model="its version")).version

    async def models(self) -> dict[str, Listed]:
        """Return the runtime's models by full name; raise ModelBusy."""
        listed = await _ask(self._client.entries, model="a list of its models")
        return {
            full_name(entry.model): Listed(entry.digest, remote=bool(entry.remote_host or entry.remote_model))
            for entry in listed.models
        }

    async def show(self, model: str) -> Shown:
        """Return what the runtime says of a model; nothing where it does not know the question."""
        try:
            shown = await _ask(lambda: self._client.show(model), model=model)
        except (ModelMissing, InputRefused):
            return Shown((), None)
        lengths = [value for key, value in (shown.modelinfo or {}).items() if key.endswith(".context_length")]
        return Shown(tuple(shown.capabilities or ()), int(lengths[0]) if lengths else None)

    async def embed(
        self, model: str, texts: Sequence[str], *, dimensions: int | None
    ) -> tuple[Sequence[Sequence[float]], int | None]:
        """Return a vector for each text as they came, and how many tokens the texts had together."""

        async def call() -> ollama.EmbedResponse:
            return await self._client.embed(
                model, list(texts), truncate=False, dimensions=dimensions, keep_alive=KEEP_ALIVE
            )

        answer = await _ask(call, model=model)
        return answer.embeddings, answer.prompt_eval_count

    async def chat(
        self, model: str, prompt: Prompt, *, schema: dict[str, Any] | None, options: dict[str, Any], think: bool | None
    ) -> Said:
        """Return what the model says to a prompt."""

        async def call() -> ollama.ChatResponse:
            return await self._client.chat(
                model,
                [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
                format=schema,
                options=options,
                think=think,
                keep_alive=KEEP_ALIVE,
            )

        said = await _ask(call, model=model)
        return Said(
            text=said.message.content or "",
            done_reason=said.done_reason or "stop",
            options=options,
            prompt_tokens=said.prompt_eval_count,
            output_tokens=said.eval_count,
            total_ms=_milliseconds(said.total_duration),
            load_ms=_milliseconds(said.load_duration),
            eval_ms=_milliseconds(said.eval_duration),
        )


async def _ask(call: Callable[[], Awaitable[Result]], *, model: str) -> Result:
    """Make a call and name what goes wrong."""
    try:
        return await call_with_patience(call)
    except ollama.ResponseError as error:
        raise failure_of_status(error.status_code, str(error.error), model=model) from error
    except FOREIGN_ERRORS as error:
        raise failure_of_error(error) from error


def _milliseconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e6
