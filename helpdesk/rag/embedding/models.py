"""Which embedding models made vectors, and whether the runtime still answers with the same ones.

The active model's vectors are searched. A model that is being built is written beside it until it may take its place,
and the one that was active before is written until it is dropped, so that going back finds nothing out of date.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder, ModelIdentity, ModelMissing
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable
from helpdesk.rag.embedding.profiles import profile_of, same_space


class EmbeddingModelChanged(Unavailable):
    """The model runtime answers with another embedding model than the one that made the index."""


@dataclass(frozen=True)
class ActiveModel:
    """A model that has vectors in the index; the active one where nothing else is said.

    Attributes:
        state: active, building or retired.
        moved_to: the digest that was found under the model's name instead of its own, while that lasts.
    """

    id: int
    name: str
    digest: str
    dims: int
    query_prefix: str
    doc_prefix: str
    max_input_tokens: int
    chars_per_token: float
    table_name: str
    state: str = "active"
    moved_to: str | None = None


_COLUMNS = (
    "id, name, digest, dims, query_prefix, doc_prefix, max_input_tokens, chars_per_token, table_name, state, moved_to"
)
# Without a table there are no vectors: the row of a model that is just being registered.
_SELECT = f"""
    SELECT {_COLUMNS} FROM rag_embedding_models WHERE state IN ('active', 'building', 'retired') AND table_name <> ''
     ORDER BY state <> 'active', state, retired_at DESC NULLS FIRST, id DESC
"""  # noqa: S608 -- the only value put in is the constant above
_IN_SERVICE = text(_SELECT)
_HELD = text(f"{_SELECT} FOR KEY SHARE")
# The app role may not create tables; the function makes the one that the model's vectors need.
_REGISTER = text("""
    SELECT rag_register_model(:name, :digest, :dims, :query_prefix, :doc_prefix, :max_input_tokens, :building)
""")
_MOVED = text("""
    UPDATE rag_embedding_models SET moved_to = :moved_to, moved_at = CASE WHEN :moved_to IS NOT NULL THEN now() END
     WHERE id = :id AND moved_to IS DISTINCT FROM :moved_to
""")
_RATIO = text("UPDATE rag_embedding_models SET chars_per_token = :ratio WHERE id = :id")


async def models_in_service(session: AsyncSession, *, held: bool = False) -> list[ActiveModel]:
    """Return every model that is written to: the active one first, then one being built, then those of before.

    Args:
        held: whether none of their tables may be dropped before the open transaction ends.
    """
    rows = await session.execute(_HELD if held else _IN_SERVICE)
    return [ActiveModel(**row) for row in rows.mappings()]


async def active_model(session: AsyncSession) -> ActiveModel | None:
    """Return the active model, None before the first one is registered."""
    return next((model for model in await models_in_service(session) if model.state == "active"), None)


async def building_model(session: AsyncSession) -> ActiveModel | None:
    """Return the model that is to take the active one's place, None when none is."""
    return next((model for model in await models_in_service(session) if model.state == "building"), None)


async def model_by_id(session: AsyncSession, model_id: int) -> ActiveModel | None:
    """Return a model that has vectors, None when its table has been dropped."""
    return next((model for model in await models_in_service(session) if model.id == model_id), None)


async def ensure_active_model(database: Database, embedder: Embedder) -> ActiveModel:
    """Return the active model after checking that the runtime answers with it; register the first one.

    Raises:
        EmbeddingModelChanged: the runtime has another model; nothing may be written or compared.
        ModelBusy, ModelMissing: the runtime cannot say.
    """
    async with database.transaction(None) as session:
        active = await active_model(session)
    if active is None:
        active = await _register_first(database, embedder)
    await runtime_of(database, embedder, active)
    return active


async def runtime_of(database: Database, embedder: Embedder, model: ActiveModel, *, fresh: bool = False) -> Embedder:
    """Return the embedder that makes this very model's vectors.

    The same weights may have another name by now, that of the settings: then that one is returned.

    Args:
        fresh: whether the runtime is asked now rather than trusted for a minute; for what is to be kept.

    Raises:
        EmbeddingModelChanged: the runtime has other weights under the model's name.
        ModelBusy, ModelMissing: the runtime cannot say, or does not have the model.
    """
    own = embedder.named(model.name)
    try:
        answering = await own.identify(fresh=fresh)
    except ModelMissing:
        if await _has_same_weights(embedder, model):
            return embedder
        raise
    if same_model(model, answering):
        await _note_digest(database, model, None)
        return own
    if await _has_same_weights(embedder, model):
        return embedder
    await _note_digest(database, model, answering.digest)
    raise EmbeddingModelChanged(
        f"The index was made with {model.name} ({model.digest[:12]}), but the model runtime answers with "
        f"{answering.name} ({answering.digest[:12]}). Give it the old model back, or the index a new one: "
        "vectors of two models cannot be compared."
    )


async def _has_same_weights(embedder: Embedder, model: ActiveModel) -> bool:
    try:
        return same_model(model, await embedder.identify())
    except ModelMissing:
        return False


def same_model(model: ActiveModel, answering: ModelIdentity) -> bool:
    """Return whether two models share one vector space; the name may differ, the weights may not."""
    return same_space(model.digest, answering.digest)


async def learn_ratio(database: Database, model: ActiveModel, chars_per_token: float | None) -> None:
    """Keep how many characters a token of the model has, when it differs by a tenth from what is kept."""
    if chars_per_token is not None and abs(chars_per_token / model.chars_per_token - 1) > 0.1:
        async with database.transaction(None) as session:
            await session.execute(_RATIO, {"id": model.id, "ratio": chars_per_token})


async def register_model(session: AsyncSession, *, answering: ModelIdentity, dims: int, building: bool) -> int:
    """Give a model a row and a table for its vectors; return its id, that of before where it is known already.

    Args:
        building: whether it is to be built beside the active model; otherwise it is the first one, and where another
            process has registered a first one meanwhile, nothing is made and that one's id returned.
    """
    profile = profile_of(answering.name)
    identifier: int = (
        await session.execute(
            _REGISTER,
            {
                "name": answering.name,
                "digest": answering.digest,
                "dims": dims,
                "query_prefix": profile.query_prefix,
                "doc_prefix": profile.doc_prefix,
                "max_input_tokens": profile.max_input_tokens,
                "building": building,
            },
        )
    ).scalar_one()
    return identifier


async def _register_first(database: Database, embedder: Embedder) -> ActiveModel:
    answering = await embedder.identify()
    dims = (await embedder.embed(["How many numbers has a vector of this model?"])).shape[1]
    async with database.transaction(None) as session:
        await register_model(session, answering=answering, dims=dims, building=False)
    # Another process may have registered another model first; the caller's check tells.
    async with database.transaction(None) as session:
        active = await active_model(session)
    if active is None:
        raise EmbeddingModelChanged("No embedding model is active: the last one was taken out of service.")
    return active


async def _note_digest(database: Database, model: ActiveModel, digest: str | None) -> None:
    """Keep for operators that a name has moved to other weights, or that it is back."""
    if model.moved_to != digest:
        async with database.transaction(None) as session:
            await session.execute(_MOVED, {"id": model.id, "moved_to": digest})
