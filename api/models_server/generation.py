"""The endpoints that generate text, as one body or as a stream of JSON lines."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from api.models_server.catalog import Offered
from api.models_server.runtime import runtime_of
from api.models_server.text import Emit, Finish, Piece
from api.models_server.wire import ApiError, ChatRequest, GenerateRequest, GenerationRequest, now, read, unless_gone

Line = dict[str, Any]
Wrap = Callable[[str], Line]

log = structlog.get_logger(__name__)


async def chat(request: Request) -> Response:
    """Continue a conversation; without messages, load the model."""
    body = await read(request, ChatRequest)
    model = await runtime_of(request).text(body.model, verb="chat")
    call = body.call()
    return await (
        _answer(request, body, model, call, _as_message) if body.messages else _load(request, body, model, _as_message)
    )


async def generate(request: Request) -> Response:
    """Answer a prompt; without one, load the model."""
    body = await read(request, GenerateRequest)
    model = await runtime_of(request).text(body.model, verb="generate")
    call = body.call()
    return await (
        _answer(request, body, model, call, _as_response) if body.prompt else _load(request, body, model, _as_response)
    )


def _as_message(text: str) -> Line:
    return {"message": {"role": "assistant", "content": text}}


def _as_response(text: str) -> Line:
    return {"response": text}


async def _load(request: Request, body: GenerationRequest, model: Offered, wrap: Wrap) -> Response:
    runtime = runtime_of(request)
    await unless_gone(request, runtime.text_lane.run(lambda _: runtime.text_model.load(model.path)))
    return JSONResponse(_head(body) | wrap("") | {"done": True, "done_reason": "load"})


async def _answer(
    request: Request, body: GenerationRequest, model: Offered, call: Mapping[str, Any], wrap: Wrap
) -> Response:
    lines = _lines(request, body, model, call, wrap)
    if not body.stream:
        return JSONResponse(await unless_gone(request, _one_body(lines, wrap)))
    # The status is settled by what comes first: a refusal is an error, everything after it is a line in the stream.
    first = await unless_gone(request, anext(lines))
    return StreamingResponse(_ndjson(first, lines), media_type="application/x-ndjson")


async def _lines(
    request: Request, body: GenerationRequest, model: Offered, call: Mapping[str, Any], wrap: Wrap
) -> AsyncIterator[Line]:
    began = time.monotonic_ns()
    runtime = runtime_of(request)

    def work(emit: Emit, unwanted: threading.Event) -> None:
        runtime.text_model.chat(model.path, call, truncate=body.truncate, emit=emit, unwanted=unwanted)

    async for item in runtime.text_lane.stream(work):
        match item:
            case Piece():
                yield _head(body) | wrap(item.text) | {"done": False} | _logprobs(item, body.top_logprobs)
            case Finish():
                total_ns = time.monotonic_ns() - began
                _log_finish(model, item, total_ns)
                yield _head(body) | wrap("") | _counts(item, total_ns)


async def _one_body(lines: AsyncIterator[Line], wrap: Wrap) -> Line:
    """Join the lines of an answer into the one body a client without streaming gets."""
    text, logprobs, last = "", [], {}
    async for last in lines:
        text += last["message"]["content"] if "message" in last else last["response"]
        logprobs += last.get("logprobs", [])
    return last | wrap(text) | ({"logprobs": logprobs} if logprobs else {})


async def _ndjson(first: Line, rest: AsyncIterator[Line]) -> AsyncIterator[bytes]:
    try:
        yield _line(first)
        async for line in rest:
            yield _line(line)
    except ApiError as error:
        yield _line({"error": error.message})


def _line(line: Line) -> bytes:
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _head(body: GenerationRequest) -> Line:
    return {"model": body.model, "created_at": now()}


def _counts(finish: Finish, total_ns: int) -> Line:
    return {
        "done": True,
        "done_reason": finish.reason,
        "total_duration": total_ns,
        "load_duration": finish.load_ns,
        "prompt_eval_count": finish.prompt_tokens,
        "prompt_eval_duration": finish.prompt_ns,
        "eval_count": finish.tokens,
        "eval_duration": finish.eval_ns,
    }


def _logprobs(piece: Piece, alternatives: int) -> Line:
    """Return the tokens of a piece in Ollama's form: alternatives only as far as asked for."""
    if not piece.logprobs:
        return {}
    return {
        "logprobs": [
            _token(token)
            | ({"top_logprobs": [_token(other) for other in token["top_logprobs"]]} if alternatives else {})
            for token in piece.logprobs
        ]
    }


def _token(token: Mapping[str, Any]) -> Line:
    return {"token": token["token"], "logprob": token["logprob"], "bytes": token["bytes"]}


def _log_finish(model: Offered, finish: Finish, total_ns: int) -> None:
    log.info(
        "text_generated",
        model=model.name,
        reason=finish.reason,
        prompt_tokens=finish.prompt_tokens,
        answer_tokens=finish.tokens,
        duration=round(total_ns / 1e9, 2),
    )
