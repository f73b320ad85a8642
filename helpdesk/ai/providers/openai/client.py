"""Calls of an OpenAI-compatible endpoint with every failure named; the one module that knows the client library."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretStr

from helpdesk.ai.model import ModelBusy, ModelMissing
from helpdesk.ai.providers.failures import (
    FOREIGN_ERRORS,
    Result,
    call_with_patience,
    failure_of_error,
    failure_of_status,
)
from helpdesk.ai.providers.listing import Listed
from helpdesk.ai.providers.openai.refusals import RequestRefused, said_in
from helpdesk.errors import HelpdeskError

if TYPE_CHECKING:
    import openai

CONNECT_TIMEOUT_S = 3.0
# What stands for a key where none is needed: the library wants one, and must not take one of the environment.
_NO_KEY = "none"
# What says which model it is, wherever an endpoint tells it; when the list was made is no part of that.
_TELLING = ("id", "root", "owned_by", "max_model_len", "meta")


class _Models(BaseModel):
    data: list[dict[str, Any]]


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Completion(BaseModel):
    """An answer of the endpoint, as far as it is of use."""

    choices: list[_Choice]
    usage: _Usage | None = None


class OpenAIClient:
    """One endpoint.

    Redirects are not followed, and proxies of the environment not used: text goes to the address that was set, or
    nowhere.

    Args:
        url: with the version, such as `http://127.0.0.1:8000/v1`.
    """

    def __init__(self, url: str, *, key: SecretStr | None, read_s: float) -> None:
        self.url = url
        self._key = key
        self._read_s = read_s
        self._opened: openai.AsyncOpenAI | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()

    async def models(self) -> dict[str, Listed]:
        """Return the endpoint's models by name; raise ModelBusy or ModelMissing."""

        async def call(client: openai.AsyncOpenAI) -> _Models:
            return _Models.model_validate_json((await client.models.with_raw_response.list()).content)

        listed = await self._ask(call, model="a list of its models")
        return {
            str(entry["id"]): Listed(_digest(entry), context_tokens=_context_tokens(entry))
            for entry in listed.data
            if entry.get("id")
        }

    async def complete(self, model: str, body: Mapping[str, Any]) -> Completion:
        """Return what the model says.

        Args:
            body: the rest of the request.

        Raises:
            ModelBusy, ModelMissing, InputRefused: as `failures` names them.
            RequestRefused: the endpoint refuses what was sent.
        """

        async def call(client: openai.AsyncOpenAI) -> Completion:
            raw = await client.chat.completions.with_raw_response.create(
                model=model, messages=body["messages"], extra_body={**body, "model": model}
            )
            return Completion.model_validate_json(raw.content)

        said = await self._ask(call, model=model)
        if not said.choices:
            raise ModelBusy(f"The endpoint answered for {model} without an answer.")
        return said

    async def _ask(self, call: Callable[[openai.AsyncOpenAI], Awaitable[Result]], *, model: str) -> Result:
        client = await self._client()
        import openai  # noqa: PLC0415 (imported by now)

        async def made() -> Result:
            try:
                return await call(client)
            except openai.APITimeoutError as error:
                raise TimeoutError from error
            except openai.APIConnectionError as error:
                raise ConnectionError(str(error)) from error

        try:
            return await call_with_patience(made)
        except openai.APIStatusError as error:
            if error.status_code in (400, 422) and (said := said_in(error.body)) is not None:
                # The library's error holds the whole answer, which may repeat what was asked.
                raise _refusal_of(error.status_code, said, model=model) from None
            retry_after = error.response.headers.get("retry-after", "")
            raise _failure_of(error.status_code, _words_of(error), model=model, retry_after=retry_after) from error
        except (openai.OpenAIError, *FOREIGN_ERRORS) as error:
            raise failure_of_error(error) from error

    async def _client(self) -> openai.AsyncOpenAI:
        async with self._opening:
            if self._opened is None:
                # The import alone takes most of a second, which nobody else is to wait for.
                self._opened = await asyncio.to_thread(self._open)
            return self._opened

    def _open(self) -> openai.AsyncOpenAI:
        import openai  # noqa: PLC0415 (slow, and few use it)

        timeout = openai.Timeout(self._read_s, connect=CONNECT_TIMEOUT_S)
        return openai.AsyncOpenAI(
            base_url=self.url,
            api_key=_NO_KEY if self._key is None else self._key.get_secret_value(),
            max_retries=0,
            timeout=timeout,
            # Those of the environment are meant for another place.
            organization="",
            project="",
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False, follow_redirects=False, timeout=timeout),
        )


def _words_of(error: openai.APIStatusError) -> str:
    """Return what the endpoint said; as JSON where it is an object."""
    return error.body if isinstance(error.body, str) else json.dumps(error.body) if error.body else error.message


def _refusal_of(status: int, said: Mapping[str, Any], *, model: str) -> HelpdeskError:
    refused = RequestRefused(status, said)
    return ModelMissing(f"The model {model} cannot do this.") if refused.lacks_ability else refused


def _failure_of(status: int, message: str, *, model: str, retry_after: str) -> HelpdeskError:
    if status in (401, 403):
        return ModelMissing("The endpoint of ATUM_OPENAI_URL refuses the key of ATUM_OPENAI_API_KEY.")
    if status == 429:
        waits = float(retry_after) if retry_after.isdigit() else 15.0
        return ModelBusy(f"The endpoint answers 429: {message[:100]}", retry_after=min(waits, 300.0))
    if status == 422:
        return RequestRefused(status, {})
    return failure_of_status(status, message, model=model)


def _context_tokens(entry: Mapping[str, Any]) -> int | None:
    """Return how long a text may be, by vLLM's word or llama.cpp's."""
    meta = entry.get("meta")
    told = entry.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
    return told if isinstance(told, int) else None


def _digest(entry: Mapping[str, Any]) -> str:
    """Return a digest of what the endpoint tells about a model: it has none of the weights."""
    told = {name: entry[name] for name in _TELLING if name in entry}
    return "openai:" + hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
