"""Take in another embedding model: ask the runtime what it is, and give its vectors a table."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder, ModelIdentity
from helpdesk.database.engine import Database
from helpdesk.errors import Conflict, Invalid
from helpdesk.queue.catalog import BackfillEmbeddings
from helpdesk.queue.enqueue import enqueue
from helpdesk.rag.embedding.models import ActiveModel, models_in_service, register_model
from helpdesk.rag.embedding.profiles import profile_of, same_space
from helpdesk.rag.model_change.commands import changing_models, note_speed

# Passages as they are: a runtime's speed depends on the length of its texts.
_PROBES = [
    f"{number}. Restart the laptop, wait for a minute and sign in again with your company account. Where the sign-in "
    "still fails, call the service desk, which can unlock the account and sees whether the password has expired."
    for number in range(1, 9)
]
_NAME = re.compile(r"[\w.:/-]+(@[1-9][0-9]{0,3})?")
_OPERATOR = text("SELECT id FROM organizations ORDER BY id LIMIT 1")
_RESUME = text("UPDATE rag_embedding_models SET state = 'building', retired_at = NULL WHERE id = :id")
# One walk does for all models, and one waiting job for any number of wishes; the schedule's has this key, too.
BACKFILL_KEY = "cron:backfill_embeddings"


class SameModel(Conflict):
    """These are the weights that made the index: there is nothing to change."""


class AnotherModelBuilding(Conflict):
    """Another model is being built; it has to become active or be dropped first."""


class NoModelName(Invalid):
    """This is no name of a model."""


@dataclass(frozen=True)
class Probed:
    """What a runtime says about a model.

    Attributes:
        texts_per_s: passages of about 50 words that it embeds in a second.
    """

    identity: ModelIdentity
    dims: int
    texts_per_s: float


async def probe(embedder: Embedder, name: str) -> Probed:
    """Ask the runtime which weights a name stands for, and try them.

    Raises:
        NoModelName: the name cannot be one, its vectors cannot be cut to the size that stands behind it, or have it.
        ModelBusy, ModelMissing, InputRefused: the runtime does not serve it.
    """
    if not _NAME.fullmatch(name):
        raise NoModelName(f"{name!r} is no name of a model; write it like nomic-embed-text or all-minilm@128.")
    runtime = embedder.named(name)
    identity = await runtime.identify(fresh=True)
    prefix = profile_of(name).doc_prefix
    # The first call loads the model.
    dims = (await runtime.embed([prefix + _PROBES[0]])).shape[1]
    if "@" in name and name.split("@")[1] != str(dims):
        raise NoModelName(f"The runtime does not cut vectors of this model: it returned {dims} numbers.")
    if "@" in name and dims == (await embedder.named(whole := name.partition("@")[0]).embed([_PROBES[0]])).shape[1]:
        raise NoModelName(f"Vectors of {whole} have {dims} numbers as they are; leave @{dims} away.")
    started = time.perf_counter()
    await runtime.embed([prefix + words for words in _PROBES])
    return Probed(identity, dims, len(_PROBES) / (time.perf_counter() - started))


async def add_model(database: Database, embedder: Embedder, *, name: str) -> ActiveModel:
    """Register a model to be built beside the active one, and have its backfill begun.

    The very first one becomes active at once. One that was retired is taken up again with the vectors it has.

    Raises:
        SameModel: the index is made with it already, under whatever name.
        AnotherModelBuilding: one change at a time.
        NoModelName, ModelBusy, ModelMissing, InputRefused: see `probe`.
    """
    probed = await probe(embedder, name)
    async with changing_models(database) as session:
        model = await _known(session, probed) or await _make(session, probed)
        await note_speed(session, model, texts_per_s=probed.texts_per_s)
    await ask_to_backfill(database)
    return model


async def ask_to_backfill(database: Database) -> None:
    """Have what is missing made, by whichever worker comes to it."""
    async with database.transaction(None) as session:
        operator = await session.scalar(_OPERATOR)
    if operator is not None:
        async with database.transaction(operator) as session:
            await enqueue(session, BackfillEmbeddings(), organization_id=operator, unique_key=BACKFILL_KEY)


async def _known(session: AsyncSession, probed: Probed) -> ActiveModel | None:
    """Return the model where it is registered already, taken up again if it was retired."""
    models = await models_in_service(session)
    for model in models:
        if not same_space(model.digest, probed.identity.digest) or model.dims != probed.dims:
            continue
        if model.state == "active":
            raise SameModel(f"The index is made with {model.name}, which are the same weights.")
        _refuse_another(models, besides=model.id)
        await session.execute(_RESUME, {"id": model.id})
        return model
    return None


async def _make(session: AsyncSession, probed: Probed) -> ActiveModel:
    models = await models_in_service(session)
    _refuse_another(models)
    building = any(model.state == "active" for model in models)
    model_id = await register_model(session, answering=probed.identity, dims=probed.dims, building=building)
    return next(model for model in await models_in_service(session) if model.id == model_id)


def _refuse_another(models: list[ActiveModel], besides: int | None = None) -> None:
    other = next((model for model in models if model.state == "building" and model.id != besides), None)
    if other is not None:
        raise AnotherModelBuilding(
            f"{other.name} ({other.digest[:12]}) is being built. Let it become active with `atum-desk rag flip`, or "
            f"give it up with `atum-desk rag models drop {other.id}`."
        )
