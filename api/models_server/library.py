"""The endpoints about the models themselves: which there are, what they are, and bringing one here."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from api.models_server.catalog import EMBEDDING_MODEL, full_name
from api.models_server.runtime import Runtime, runtime_of
from api.models_server.wire import CANCELED, ApiError, ModelRequest, read, unless_gone
from helpdesk.ai.weights.model_catalog import MODEL_FILES
from helpdesk.ai.weights.model_files import ModelFetchFailed, fetch

VERSION = "0.0.0-embedded"

Line = dict[str, Any]


async def root(_: Request) -> Response:
    """Tell that the server is there."""
    return PlainTextResponse("Ollama is running")


async def version(_: Request) -> Response:
    """Return a version that no Ollama has."""
    return JSONResponse({"version": VERSION})


async def tags(request: Request) -> Response:
    """List the models that can be called."""
    return JSONResponse({"models": [model.entry() for model in await runtime_of(request).offered()]})


async def ps(request: Request) -> Response:
    """List the models in memory; they stay there."""
    stay = {"expires_at": "9999-12-31T23:59:59Z", "size_vram": 0}
    loaded = await runtime_of(request).loaded()
    return JSONResponse(
        {"models": [model.entry() | stay | {"context_length": model.context_tokens} for model in loaded]}
    )


async def show(request: Request) -> Response:
    """Describe one model."""
    body = await read(request, ModelRequest)
    model = await runtime_of(request).model(body.model, missing=f"model '{body.model}' not found")
    return JSONResponse(
        {
            "license": "Apache-2.0",
            "modelfile": "",
            "parameters": f"num_ctx {model.context_tokens}",
            "template": "",
            "details": model.details,
            "model_info": model.info,
            "capabilities": [model.capability],
            "modified_at": model.entry()["modified_at"],
        }
    )


async def pull(request: Request) -> Response:
    """Bring the file of the text model here; the embedding model always is."""
    body = await read(request, ModelRequest)
    lines = _pull(runtime_of(request), full_name(body.model))
    if body.stream:
        return StreamingResponse(_ndjson(lines), media_type="application/x-ndjson")
    return JSONResponse(await unless_gone(request, _last(lines)))


async def _pull(runtime: Runtime, name: str) -> AsyncIterator[Line]:
    yield {"status": "pulling manifest"}
    if name == runtime.catalog.text_model:
        async for line in runtime.pull_lane.stream(_fetching(runtime, name)):
            yield line
    elif name != EMBEDDING_MODEL:
        raise ApiError(500, "pull model manifest: file does not exist")
    yield {"status": "success"}


def _fetching(runtime: Runtime, name: str) -> Callable[[Callable[[Line], None], threading.Event], None]:
    sha256 = MODEL_FILES[name].sha256

    def call(emit: Callable[[Line], None], unwanted: threading.Event) -> None:
        def on_progress(done: int, total: int) -> None:
            if unwanted.is_set():
                raise ApiError(499, CANCELED)
            status = f"pulling {sha256[:12]}"
            emit({"status": status, "digest": f"sha256:{sha256}", "total": total, "completed": done})

        try:
            fetch(name, runtime.catalog.data_dir, on_progress=on_progress)
        except ModelFetchFailed as failed:
            raise ApiError(500, failed.detail) from failed

    return call


async def _ndjson(lines: AsyncIterator[Line]) -> AsyncIterator[bytes]:
    try:
        async for line in lines:
            yield json.dumps(line).encode() + b"\n"
    except ApiError as error:
        yield json.dumps({"error": error.message}).encode() + b"\n"


async def _last(lines: AsyncIterator[Line]) -> Line:
    line: Line = {}
    async for line in lines:  # noqa: B007  -- the last one is wanted
        pass
    return line
