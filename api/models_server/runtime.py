"""What all requests share: the catalogue, the models, and a lane for each kind of work."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass

import structlog
from starlette.requests import Request

from api.models_server.catalog import Catalog, Offered
from api.models_server.embedding import MiniLM
from api.models_server.lane import Lane
from api.models_server.text import TextModel, runtime_problem
from api.models_server.wire import ApiError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Runtime:
    """The models of this process. Embedding has a lane of its own, so that it never waits for a long answer."""

    catalog: Catalog
    embedder: MiniLM
    text_model: TextModel
    embedding_lane: Lane
    text_lane: Lane
    pull_lane: Lane

    async def offered(self) -> list[Offered]:
        """List the models that can be called now."""
        return await asyncio.to_thread(self._offered)

    async def loaded(self) -> list[Offered]:
        """List the models that are in memory."""
        in_memory = {"embedding": self.embedder.loaded, "completion": self.text_model.loaded}
        return [model for model in await self.offered() if in_memory[model.capability]]

    async def model(self, name: str, *, missing: str) -> Offered:
        """Return the model of this name.

        Raises:
            ApiError: 404 with the text `missing`.
        """
        # In a thread: the first look at a large file reads all of it.
        found = await asyncio.to_thread(self.catalog.find, name)
        if found is None:
            raise ApiError(404, missing)
        return found

    async def text(self, name: str, *, verb: str) -> Offered:
        """Return the text model of this name.

        Raises:
            ApiError: 404, there is none; 400, it is a model of another kind.
        """
        return _capable(await self.model(name, missing=f"model '{name}' not found"), name, "completion", verb)

    async def embedding(self, name: str) -> Offered:
        """Return the embedding model of this name.

        Raises:
            ApiError: 404, there is none; 400, it is a model of another kind.
        """
        found = await self.model(name, missing=f'model "{name}" not found, try pulling it first')
        return _capable(found, name, "embedding", "embeddings")

    def close(self) -> None:
        """Answer all calls and end all work."""
        for lane in (self.embedding_lane, self.text_lane, self.pull_lane):
            lane.close()

    def _offered(self) -> list[Offered]:
        embedding, text = self.catalog.embedding(), self.catalog.text()
        if text is None:
            return [embedding]
        if problem := runtime_problem():
            _warn_once(problem)
            return [embedding]
        return [embedding, text]


@functools.cache
def _warn_once(problem: str) -> None:
    log.warning("text_model_unavailable", reason=problem)


def runtime_of(request: Request) -> Runtime:
    """Return what the application of this request shares."""
    runtime: Runtime = request.app.state.runtime
    return runtime


def _capable(model: Offered, name: str, capability: str, verb: str) -> Offered:
    if model.capability != capability:
        raise ApiError(400, f'"{name}" does not support {verb}')
    return model
