"""How the parts of the product are, for whoever watches over it: in brief, and without secrets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from sqlalchemy import text

from helpdesk.ai.model import Embedder, LanguageModel, ModelBusy, ModelMissing, Models
from helpdesk.database.engine import Database
from helpdesk.rag.embedding.models import EmbeddingModelChanged, models_in_service, runtime_of

log = structlog.get_logger(__name__)

State = Literal["ok", "away", "missing", "changed", "off"]
_PATIENCE_S = 3.0
_FRESH_S = 5.0

# Across organisations, as counts only; both tables have few rows that are not finished.
_QUEUE = text("""
    SELECT count(*) FILTER (WHERE status = 'pending' AND run_after <= now()) AS ready,
           count(*) FILTER (WHERE status = 'pending' AND run_after > now()) AS scheduled,
           count(*) FILTER (WHERE status = 'running') AS running,
           count(*) FILTER (WHERE status = 'dead_letter') AS dead_letter,
           coalesce(extract(epoch FROM now() - min(run_after)
                    FILTER (WHERE status = 'pending' AND run_after <= now())), 0)::float AS oldest_ready_s,
           (SELECT count(*) FROM rag_index_queue WHERE status IN ('pending', 'running')) AS index_waiting,
           (SELECT count(*) FROM workers WHERE last_seen > now() - interval '90 seconds') AS workers
      FROM job_queue WHERE status <> 'completed'
""")


class LeftOut(Exception):
    """The part is left out on purpose."""


@dataclass(frozen=True)
class Component:
    """One part of the product and how it is."""

    name: str
    state: State
    figures: dict[str, Any]

    @property
    def is_well(self) -> bool:
        """Tell whether nothing is to be done about it."""
        return self.state in {"ok", "off"}


class ComponentStates:
    """Asks every part how it is, at most every five seconds however often somebody looks."""

    def __init__(self, database: Database, models: Models) -> None:
        self._database = database
        self._models = models
        self._known: tuple[float, list[Component]] | None = None
        self._asking = asyncio.Lock()

    async def all(self) -> list[Component]:
        """Return every part, the database first."""
        async with self._asking:
            if self._known is None or time.monotonic() - self._known[0] > _FRESH_S:
                parts = await asyncio.gather(
                    self.database(),
                    _component("embedding_model", self._embedding_model),
                    _component("text_model", self._text_model),
                    _component("queue", self._queue),
                )
                self._known = (time.monotonic(), list(parts))
            return self._known[1]

    async def database(self) -> Component:
        """Ask the database alone, at once."""
        return await _component("database", self._ping)

    async def _ping(self) -> dict[str, Any]:
        started = time.perf_counter()
        await self._database.ping()
        return {"ms": round((time.perf_counter() - started) * 1000, 1)}

    async def _embedding_model(self) -> dict[str, Any]:
        """Tell the model that searches and the index go by, and one that is to take its place."""
        async with self._database.transaction(None) as session:
            models = await models_in_service(session)
        if not models or models[0].state != "active":
            return await _identify(self._models.embedder)
        await runtime_of(self._database, self._models.embedder, models[0])
        told = self._models.report()
        if any(told.get(name, {}).get("state") == "open" for name in ("embed", f"embed {models[0].name}")):
            raise ModelBusy
        building = next((model.name for model in models if model.state == "building"), None)
        return {"model": models[0].name} | ({"building": building} if building else {})

    async def _text_model(self) -> dict[str, Any]:
        """Tell the text model of organisations that let no text leave the host, else that of the others."""
        settings = self._database.settings
        if settings.without_text_model and settings.openai_url is None:
            raise LeftOut
        try:
            return await _identify(self._models.language) | self._breakers("text")
        except ModelMissing:
            if self._models.language_off_host is None:
                raise
            return await _identify(self._models.language_off_host) | self._breakers("text")

    def _breakers(self, kind: str) -> dict[str, Any]:
        """Return the states of the breakers of a kind of call; raise ModelBusy where all of them are open.

        What went wrong is for those who sign in; the state is for whoever watches.
        """
        told = self._models.report()
        states = {name: told[name]["state"] for name in told if name.split()[0] == kind}
        if states and set(states.values()) == {"open"}:
            raise ModelBusy
        return {"breakers": states}

    async def _queue(self) -> dict[str, Any]:
        async with self._database.transaction(None, role="atum_worker") as session:
            return dict((await session.execute(_QUEUE)).mappings().one())


async def _identify(model: Embedder | LanguageModel) -> dict[str, Any]:
    identity = await model.identify()
    if identity is None:
        raise ModelMissing
    return {"model": identity.name}


async def _component(name: str, ask: Callable[[], Awaitable[dict[str, Any]]]) -> Component:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return Component(name, "ok", await ask())
    except LeftOut:
        return Component(name, "off", {})
    except ModelMissing:
        return Component(name, "missing", {})
    except EmbeddingModelChanged as changed:
        log.warning("embedding_model_moved", reason=changed.detail)
        return Component(name, "changed", {})
    except Exception as error:  # whatever keeps a part from answering, the watcher learns that it is away
        log.info("component_away", component=name, error=repr(error))
        return Component(name, "away", {})
