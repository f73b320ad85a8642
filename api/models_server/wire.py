"""The bodies of Ollama's API: what a request may say, and the errors a client understands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

CANCELED = "request canceled"
TOO_LONG = "the input length exceeds the context length"

T = TypeVar("T")
Body = TypeVar("Body", bound=BaseModel)


class ApiError(Exception):
    """An answer other than success: an HTTP status and the sentence that goes into `error`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class _Request(BaseModel):
    """Unknown keys are ignored and a null means the default, as Ollama has it."""

    model_config = ConfigDict(strict=True, extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, body: Any) -> Any:
        return {key: value for key, value in body.items() if value is not None} if isinstance(body, dict) else body


class ModelRequest(_Request):
    """Name a model; older clients say `name`."""

    model: str = Field(min_length=1, validation_alias=AliasChoices("model", "name"))
    stream: bool = True


class Options(_Request):
    """The options that change what is sampled; those that size the runtime are fixed here and ignored."""

    num_predict: int = -1
    temperature: float = Field(default=0.8, ge=0)
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    typical_p: float = 1.0
    repeat_last_n: int = 64
    repeat_penalty: float = 1.1
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = -1
    stop: list[str] | str = []

    def for_llama(self) -> dict[str, Any]:
        """Return them under the names llama.cpp knows."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop
        limit = self.num_predict if self.num_predict > 0 else -1
        return self.model_dump(exclude={"num_predict", "stop"}) | {"max_tokens": limit, "stop": stop}


class GenerationRequest(ModelRequest):
    """What asking for text has in common."""

    options: Options = Options()
    format: str | dict[str, Any] = ""
    truncate: bool = True
    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0, le=20)
    think: bool | str = False

    def for_llama(self, messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """Return the request llama.cpp's chat completion takes.

        Raises:
            ApiError: the request asks for something these models or this server do not have.
        """
        if self.think:
            raise ApiError(400, f'"{self.model}" does not support thinking')
        call: dict[str, Any] = {"messages": list(messages), **self.options.for_llama()}
        if self.format:
            call["response_format"] = self._response_format()
        if self.logprobs:
            call |= {"logprobs": True, "top_logprobs": max(1, self.top_logprobs)}
        return call

    def _response_format(self) -> dict[str, Any]:
        if self.format == "json":
            return {"type": "json_object"}
        if isinstance(self.format, dict):
            return {"type": "json_schema", "json_schema": {"name": "answer", "schema": self.format}}
        raise ApiError(400, f'invalid format: "{self.format}"; expected "json" or a valid JSON Schema object')


class Message(_Request):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    images: list[Any] = []


class ChatRequest(GenerationRequest):
    """Continue a conversation."""

    messages: list[Message] = []
    tools: list[Any] = []

    def call(self) -> dict[str, Any]:
        """Return the request for llama.cpp; see `for_llama`."""
        if self.tools:
            raise ApiError(400, f'"{self.model}" does not support tools')
        if any(message.images for message in self.messages):
            raise ApiError(400, f'"{self.model}" does not support images')
        return self.for_llama([{"role": message.role, "content": message.content} for message in self.messages])


class GenerateRequest(GenerationRequest):
    """Answer one prompt."""

    prompt: str = ""
    system: str = ""
    suffix: str = ""
    template: str = ""
    images: list[Any] = []
    raw: bool = False

    def call(self) -> dict[str, Any]:
        """Return the request for llama.cpp; see `for_llama`."""
        for field in ("suffix", "template", "images", "raw"):
            if getattr(self, field):
                raise ApiError(400, f'"{self.model}" does not support {field}')
        system = [{"role": "system", "content": self.system}] if self.system else []
        return self.for_llama([*system, {"role": "user", "content": self.prompt}])


class EmbedRequest(ModelRequest):
    """Turn texts into vectors."""

    input: Any = None
    truncate: bool = True
    dimensions: int | None = None

    def texts(self) -> list[str]:
        """Return the inputs; an empty string alone counts as none.

        Raises:
            ApiError: the input is neither a string nor a list of strings.
        """
        match self.input:
            case None | "":
                return []
            case str() as text:
                return [text]
            case list() as texts if all(isinstance(text, str) for text in texts):
                return texts
        raise ApiError(400, "invalid input type")


class EmbeddingsRequest(ModelRequest):
    """Turn one text into a vector; the form older clients use."""

    prompt: str = ""


async def read(request: Request, body: type[Body]) -> Body:
    """Parse the JSON body of a request, whatever content type it claims.

    Raises:
        ApiError: there is none, or it is not what `body` says.
    """
    raw = await request.body()
    if not raw.strip():
        raise ApiError(400, "missing request body")
    try:
        return body.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ApiError(400, f"{where}: {first['msg']}" if where else first["msg"]) from error


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """Await some work for a client, and cancel it when the client goes away first.

    Raises:
        ApiError: 499, the client went away.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.create_task(_leave(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ApiError(499, CANCELED)
    finally:
        working.cancel()
        leaving.cancel()


async def _leave(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def now() -> str:
    """Return the present time as the API writes it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
