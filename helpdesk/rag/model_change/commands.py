"""Change what embedding models are for: one becomes active, is paused, or goes.

Every session here acts as the owner of the tables, and holds the lock under which models are registered.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.errors import Conflict
from helpdesk.rag.embedding.models import ActiveModel, models_in_service
from helpdesk.rag.model_change.queries import KEPT_AFTER_CHANGE, NoSuchModel, count_missing

# The number under which `rag_register_model` takes its lock.
_LOCK = text("SELECT pg_advisory_xact_lock(7201734)")
# Searches and index workers have a table for moments; a long transaction must not make them all wait behind a drop.
_PATIENCE = text("SET LOCAL lock_timeout = '3s'")
_LOCK_NOT_AVAILABLE = "55P03"
_RETIRE = text("""
    UPDATE rag_embedding_models SET state = 'retired', retired_at = :now, paused_at = NULL WHERE state = 'active'
""")
_ACTIVATE = text("""
    UPDATE rag_embedding_models SET state = 'active', activated_at = :now, retired_at = NULL, paused_at = NULL,
           gate = coalesce(CAST(:gate AS jsonb), gate)
     WHERE id = :id
""")
# The model that was left again stays as it is until somebody decides about it.
_REBUILD = text("UPDATE rag_embedding_models SET state = 'building', retired_at = NULL WHERE id = :id")
_PAUSE = text("UPDATE rag_embedding_models SET paused_at = :paused_at WHERE id = :id")
_FORGET = text("DELETE FROM rag_embedding_models WHERE id = :id AND state <> 'active' RETURNING table_name")
_SPEED = text("UPDATE rag_embedding_models SET texts_per_s = :texts_per_s WHERE id = :id")
_EXPIRED = text("""
    SELECT id FROM rag_embedding_models WHERE state = 'retired' AND retired_at < :before ORDER BY retired_at
""")


class ModelIsActive(Conflict):
    """The model is the one that is searched; another one has to take its place first."""


class ModelInUse(Conflict):
    """The model's vectors are being read."""


class NotCovered(Conflict):
    """Passages still lack a vector of the model."""


class NothingToGoBackTo(Conflict):
    """No model of before is kept."""


class NothingBuilding(Conflict):
    """No model is being built."""


@asynccontextmanager
async def changing_models(database: Database) -> AsyncIterator[AsyncSession]:
    """Open a transaction in which nobody else changes what models are for."""
    async with database.transaction(None, role="atum_owner") as session:
        await session.execute(_LOCK)
        yield session


async def pause(database: Database, model_id: int, *, now: datetime) -> None:
    """Let the backfill of a model rest; what is new still gets its vectors."""
    async with changing_models(database) as session:
        model = await _registered(session, model_id)
        await session.execute(_PAUSE, {"id": model.id, "paused_at": now})


async def resume(database: Database, model_id: int) -> None:
    """Let the backfill of a model go on."""
    async with changing_models(database) as session:
        model = await _registered(session, model_id)
        await session.execute(_PAUSE, {"id": model.id, "paused_at": None})


async def note_speed(session: AsyncSession, model: ActiveModel, *, texts_per_s: float) -> None:
    """Keep how fast a model's vectors are made."""
    await session.execute(_SPEED, {"id": model.id, "texts_per_s": round(texts_per_s, 2)})


async def flip(
    database: Database, model_id: int, *, gate: Mapping[str, Any], may_lack: bool, now: datetime
) -> tuple[ActiveModel, ActiveModel | None]:
    """Make a model the active one, in one instant for every process; return it and the one before.

    The one before is kept and written for some days.

    Args:
        gate: what it was let through by, to be looked up later.
        may_lack: whether passages without a vector are taken into account: words alone find them.

    Raises:
        NotCovered, NoSuchModel, ModelIsActive: it may not become active.
    """
    async with changing_models(database) as session:
        model = await _registered(session, model_id)
        if model.state == "active":
            raise ModelIsActive(f"{model.name} is active already.")
        missing = await count_missing(session, model_id=model.id, table_name=model.table_name)
        if missing and not may_lack:
            raise NotCovered(f"{missing} passages still lack a vector of {model.name}.", missing=missing)
        before = await _active(session)
        # One transaction: others see both changes or neither. The index on the state allows no other order.
        await session.execute(_RETIRE, {"now": now})
        await session.execute(_ACTIVATE, {"id": model.id, "now": now, "gate": json.dumps({**gate, "missing": missing})})
    return model, before


async def roll_back(database: Database, *, now: datetime) -> tuple[ActiveModel, ActiveModel]:
    """Make the model of before active again, in one instant; return it and the one that was left.

    The one that was left is kept as one that is being built, for another try or to be dropped.

    Raises:
        NothingToGoBackTo: there is none, or its table has been dropped.
    """
    async with changing_models(database) as session:
        left = await _active(session)
        before = next((model for model in await models_in_service(session) if model.state == "retired"), None)
        if before is None or left is None:
            raise NothingToGoBackTo
        await session.execute(_RETIRE, {"now": now})
        await session.execute(_ACTIVATE, {"id": before.id, "now": now, "gate": None})
        await session.execute(_REBUILD, {"id": left.id})
    return before, left


async def drop(database: Database, model_id: int) -> ActiveModel:
    """Remove a model with its vectors for good.

    Raises:
        NoSuchModel, ModelIsActive, ModelInUse: it may not go, or not now.
    """
    try:
        async with changing_models(database) as session:
            model = await _registered(session, model_id)
            if model.state == "active":
                raise ModelIsActive(f"{model.name} is the active model: another one has to take its place first.")
            await session.execute(_PATIENCE)
            # The row first: who writes vectors holds it, and whoever comes after finds no row and so no table.
            await session.execute(_FORGET, {"id": model.id})
            await session.execute(text(f"DROP TABLE {model.table_name}"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        raise ModelInUse(f"{model.name} is in use by a long search or backup; try again later.") from error
    return model


async def expired(database: Database, *, now: datetime) -> list[int]:
    """Return the models of before that have been kept long enough."""
    async with database.transaction(None) as session:
        return list(await session.scalars(_EXPIRED, {"before": now - KEPT_AFTER_CHANGE}))


async def _registered(session: AsyncSession, model_id: int) -> ActiveModel:
    for model in await models_in_service(session):
        if model.id == model_id:
            return model
    raise NoSuchModel(f"There is no embedding model {model_id}.")


async def _active(session: AsyncSession) -> ActiveModel | None:
    return next((model for model in await models_in_service(session) if model.state == "active"), None)
