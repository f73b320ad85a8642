"""Which embedding model made the vectors, and whether the runtime still answers with the same one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder, ModelIdentity
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable


class EmbeddingModelChanged(Unavailable):
    """The model runtime answers with another embedding model than the one that made the index."""


@dataclass(frozen=True)
class ModelProfile:
    """What a model's publisher says about its inputs."""

    query_prefix: str = ""
    doc_prefix: str = ""
    max_input_tokens: int = 512


# By the name without its tag. A model that is not listed takes no prefix and 512 tokens.
PROFILES = {
    "all-minilm": ModelProfile(max_input_tokens=256),
    "bge-m3": ModelProfile(max_input_tokens=8192),
    "embeddinggemma": ModelProfile("task: search result | query: ", "title: none | text: ", 2048),
    "granite-embedding": ModelProfile(),
    "multilingual-e5-small": ModelProfile("query: ", "passage: "),
    "mxbai-embed-large": ModelProfile("Represent this sentence for searching relevant passages: "),
    "nomic-embed-text": ModelProfile("search_query: ", "search_document: ", 2048),
    "snowflake-arctic-embed": ModelProfile("Represent this sentence for searching relevant passages: "),
}

# Digests of one and the same weights under different packaging: each set is one vector space.
SAME_SPACE: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True)
class ActiveModel:
    """The model whose vectors searches use."""

    id: int
    name: str
    digest: str
    dims: int
    query_prefix: str
    doc_prefix: str
    max_input_tokens: int
    chars_per_token: float
    table_name: str


def profile_of(name: str) -> ModelProfile:
    """Return the profile of a model by its name, with or without a tag."""
    return PROFILES.get(name.split(":", 1)[0].rsplit("/", 1)[-1], ModelProfile())


def same_model(active: ActiveModel, answering: ModelIdentity) -> bool:
    """Return whether two models share one vector space; the name may differ, the weights may not."""
    if active.digest == answering.digest:
        return True
    return any({active.digest, answering.digest} <= digests for digests in SAME_SPACE)


_ACTIVE = text("""
    SELECT id, name, digest, dims, query_prefix, doc_prefix, max_input_tokens, chars_per_token, table_name
      FROM rag_embedding_models WHERE state = 'active'
""")
# The app role may not create tables; the function makes the one that the model's vectors need.
_REGISTER = text("SELECT rag_register_model(:name, :digest, :dims, :query_prefix, :doc_prefix, :max_input_tokens)")


async def active_model(session: AsyncSession) -> ActiveModel | None:
    """Return the active model, None before the first one is registered."""
    row = (await session.execute(_ACTIVE)).mappings().one_or_none()
    return None if row is None else ActiveModel(**row)


async def ensure_active_model(database: Database, embedder: Embedder) -> ActiveModel:
    """Return the active model after checking that the runtime answers with it; register the first one.

    Raises:
        EmbeddingModelChanged: the runtime has another model; nothing may be written or compared.
        ModelBusy, ModelMissing: the runtime cannot say.
    """
    async with database.transaction(None) as session:
        active = await active_model(session)
    answering = await embedder.identify()
    if active is None:
        active = await _register(database, embedder, answering)
    if not same_model(active, answering):
        raise EmbeddingModelChanged(
            f"The index was made with {active.name} ({active.digest[:12]}), but the model runtime answers with "
            f"{answering.name} ({answering.digest[:12]}). Give it the old model back, or the index a new one: "
            "vectors of two models cannot be compared."
        )
    return active


async def _register(database: Database, embedder: Embedder, answering: ModelIdentity) -> ActiveModel:
    dims = (await embedder.embed(["How many numbers has a vector of this model?"])).shape[1]
    profile = profile_of(answering.name)
    async with database.transaction(None) as session:
        await session.execute(
            _REGISTER,
            {
                "name": answering.name,
                "digest": answering.digest,
                "dims": dims,
                "query_prefix": profile.query_prefix,
                "doc_prefix": profile.doc_prefix,
                "max_input_tokens": profile.max_input_tokens,
            },
        )
    # Another process may have registered another model first; the caller's check tells.
    async with database.transaction(None) as session:
        active = await active_model(session)
    if active is None:
        raise EmbeddingModelChanged("No embedding model is active: the last one was taken out of service.")
    return active
