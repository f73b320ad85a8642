"""The application: routes, the errors clients understand, and the models behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.models_server import generation, library, vectors
from api.models_server.catalog import Catalog
from api.models_server.embedding import MiniLM, locate_model
from api.models_server.lane import Lane
from api.models_server.measured import Measured
from api.models_server.runtime import Runtime
from api.models_server.text import TextModel
from api.models_server.wire import ApiError

log = structlog.get_logger(__name__)

ROUTES = [
    Route("/", library.root),
    Route("/api/version", library.version),
    Route("/api/tags", library.tags),
    Route("/api/ps", library.ps),
    Route("/api/show", library.show, methods=["POST"]),
    Route("/api/pull", library.pull, methods=["POST"]),
    Route("/api/chat", generation.chat, methods=["POST"]),
    Route("/api/generate", generation.generate, methods=["POST"]),
    Route("/api/embed", vectors.embed, methods=["POST"]),
    Route("/api/embeddings", vectors.embeddings, methods=["POST"]),
]


def create_app(*, data_dir: Path, text_model: str | None, threads: int, max_queue: int, host: str) -> Starlette:
    """Make the application; no model is loaded before its first call.

    Args:
        data_dir: folder of the model files.
        text_model: a name of the catalogue of model files, or None for embeddings only.
        threads: threads each model computes with.
        max_queue: calls of one kind that may wait; one more is answered with 503.
        host: the address listened on, which clients may name in their `Host` header.

    Raises:
        EmbeddingModelMissing: the embedding model is not installed.
    """
    runtime = Runtime(
        catalog=Catalog(locate_model(), data_dir, text_model),
        embedder=MiniLM(locate_model(), threads=threads),
        text_model=TextModel(threads=threads),
        embedding_lane=Lane("embedding", waiting=max_queue),
        text_lane=Lane("text", waiting=max_queue),
        pull_lane=Lane("pull", waiting=max_queue),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        runtime.close()
        await asyncio.to_thread(runtime.pull_lane.join)  # it may have a process of its own running
        log.info("models_server_stopped")

    # A page in a browser could have its own name point to this machine; such a request names the wrong host.
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]", host])
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Measured, paths=[route.path for route in ROUTES]), hosts],
        lifespan=lifespan,
        exception_handlers={ApiError: _api_error, HTTPException: _http_error, Exception: _unexpected},
    )
    app.state.runtime = runtime
    return app


async def _api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse({"error": error.message}, error.status)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _unexpected(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"the models server failed: {type(error).__name__}"}, 500)
