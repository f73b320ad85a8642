"""The endpoints that turn texts into vectors."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.models_server.embedding import MiniLM
from api.models_server.runtime import runtime_of
from api.models_server.wire import EmbeddingsRequest, EmbedRequest, read, unless_gone


@dataclass(frozen=True)
class _Vectors:
    rows: list[list[float]]
    tokens: int
    load_ns: int


async def embed(request: Request) -> Response:
    """Turn one or more texts into vectors."""
    began = time.monotonic_ns()
    body = await read(request, EmbedRequest)
    texts = body.texts()
    await runtime_of(request).embedding(body.model)
    if not texts:
        return JSONResponse({"model": body.model, "embeddings": []})
    vectors = await _compute(request, texts, truncate=body.truncate, dimensions=body.dimensions)
    return JSONResponse(
        {
            "model": body.model,
            "embeddings": vectors.rows,
            "total_duration": time.monotonic_ns() - began,
            "load_duration": vectors.load_ns,
            "prompt_eval_count": vectors.tokens,
        }
    )


async def embeddings(request: Request) -> Response:
    """Turn one text into a vector."""
    body = await read(request, EmbeddingsRequest)
    await runtime_of(request).embedding(body.model)
    if not body.prompt:
        return JSONResponse({"embedding": []})
    vectors = await _compute(request, [body.prompt], truncate=True, dimensions=None)
    return JSONResponse({"embedding": vectors.rows[0]})


async def _compute(request: Request, texts: Sequence[str], *, truncate: bool, dimensions: int | None) -> _Vectors:
    runtime = runtime_of(request)

    def call(unwanted: threading.Event) -> _Vectors:
        return _embed(runtime.embedder, texts, truncate=truncate, dimensions=dimensions, unwanted=unwanted)

    return await unless_gone(request, runtime.embedding_lane.run(call))


def _embed(
    embedder: MiniLM, texts: Sequence[str], *, truncate: bool, dimensions: int | None, unwanted: threading.Event
) -> _Vectors:
    load_ns = embedder.load()
    embedded = embedder.embed(texts, truncate=truncate, dimensions=dimensions, unwanted=unwanted)
    # Nine decimals hold all that a float32 of a unit vector says, in half the text.
    return _Vectors(embedded.vectors.astype("float64").round(9).tolist(), embedded.tokens, load_ns)
