"""Make the vectors that a batch of changed sources needs: across documents, with the active model."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from helpdesk.ai.model import CountsTokens, Embedder, InputRefused, ModelIdentity, TextStaysHere
from helpdesk.ai.runs.record import record_embedding
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable
from helpdesk.observability.metrics.index import EMBED
from helpdesk.rag.embedding.embed import Embedded, embed_all
from helpdesk.rag.embedding.models import ActiveModel, active_model, ensure_active_model, learn_ratio, runtime_of
from helpdesk.rag.embedding.vectors import EmbeddedElsewhere, hash_of_input, stored_vectors, vectors_for
from helpdesk.rag.indexing.prepare import Change
from helpdesk.rag.indexing.reuse import vectors_of_equal_texts

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Making:
    """Where vectors are made.

    Attributes:
        embedding: one call to the runtime at a time, however many batches are under way.
    """

    database: Database
    embedder: Embedder
    embedding: asyncio.Lock


async def embed_changes(
    making: Making, changes: Sequence[Change], *, now: datetime
) -> tuple[ActiveModel | None, Embedded, int]:
    """Return the active model, the vectors of all passages that lack one, and how many were made.

    The vectors are by their text without the model's prefix.
    """
    wanted = {words for change in changes for words in change.inputs}
    async with making.database.transaction(None) as session:
        model = await active_model(session)
    if not wanted:
        return model, Embedded(), 0
    try:
        model = await ensure_active_model(making.database, making.embedder)
        known = await _known_vectors(making.database, changes, model)
        shared, waited_for = await _share_questions(making, changes, known, now=now)
        if shared or waited_for:
            known = await _known_vectors(making.database, changes, model)
        missing = [words for words in wanted if words not in known.vectors and words not in waited_for]
        made, took_ms = await embed_passages(making, model, missing)
    except TextStaysHere as refusal:
        # Waiting would not help. Without a model nothing is noted as refused, and vectors can come later.
        log.warning("indexed_by_words_alone", documents=len(changes), reason=refusal.detail)
        return None, Embedded(refused=wanted), 0
    except Unavailable as away:
        return model, Embedded(interrupted=away), 0
    await _record(making.database, changes, model, sent=made.vectors.keys(), took_ms=took_ms, now=now)
    known.vectors.update(made.vectors)
    known.refused.update(made.refused)
    known.interrupted = made.interrupted
    if known.interrupted is None:
        # What another process has in hand is waited for by its own ticket alone.
        known.interrupted = next((away for words, away in waited_for.items() if not known.covers(words)), None)
    return model, known, len(made.vectors) + shared


async def _share_questions(
    making: Making, changes: Sequence[Change], known: Embedded, *, now: datetime
) -> tuple[int, dict[str, EmbeddedElsewhere]]:
    """Make the vectors of what tickets ask where nobody has, for all who read them.

    The jobs of a new ticket want the same vector at the same moment: whoever is first makes it, the others wait.

    Returns:
        How many were made, and the texts that others did not come back with: they may have died over them.
    """
    asked: defaultdict[UUID, set[str]] = defaultdict(set)
    for change in changes:
        if change.question is not None and change.question.embedded in set(change.inputs) - known.vectors.keys():
            asked[change.task.organization_id].add(change.question.embedded)
    made = 0
    waited_for: dict[str, EmbeddedElsewhere] = {}
    for organization_id, texts in asked.items():
        try:
            async with making.embedding:
                await vectors_for(
                    making.database,
                    making.embedder,
                    organization_id=organization_id,
                    texts=sorted(texts),
                    now=now,
                    as_passages=True,
                )
        except InputRefused:
            # The way of all passages finds out which one it is.
            continue
        except EmbeddedElsewhere as elsewhere:
            waited_for.update(dict.fromkeys(texts, elsewhere))
            continue
        made += len(texts)
    return made, waited_for


async def embed_passages(making: Making, model: ActiveModel, texts: Iterable[str]) -> tuple[Embedded, float]:
    """Embed texts of passages with a model, as far as the runtime goes along; return also the milliseconds it took.

    Vectors of weights that changed while they were made are not returned.

    Raises:
        EmbeddingModelChanged, ModelBusy, ModelMissing: the runtime has not the model, or cannot say.
    """
    runtime = await runtime_of(making.database, making.embedder, model)
    prefix = model.doc_prefix
    async with making.embedding:
        started = time.perf_counter()
        made = await embed_all(runtime, [prefix + words for words in texts], chars_per_token=model.chars_per_token)
        took_ms = 1000 * (time.perf_counter() - started)
        EMBED.observe(took_ms / 1000)
    if made.vectors:
        # What is kept must be of this model for sure: its name may have moved since the runtime was last asked.
        await runtime_of(making.database, making.embedder, model, fresh=True)
        made.vectors = {
            words.removeprefix(prefix): vector
            for words, vector in made.vectors.items()
            if vector.shape[0] == model.dims
        }
    made.refused = {words.removeprefix(prefix) for words in made.refused}
    if isinstance(runtime, CountsTokens):
        await learn_ratio(making.database, model, runtime.chars_per_token)
    return made, took_ms


async def _known_vectors(database: Database, changes: Sequence[Change], model: ActiveModel) -> Embedded:
    """Return the vectors that there are of the same texts in the same organisation, in whatever document or query."""
    known = Embedded()
    inputs: defaultdict[UUID, dict[bytes, str]] = defaultdict(dict)
    for change in changes:
        hashed = {hash_of_input(model.doc_prefix + words): words for words in change.inputs}
        inputs[change.task.organization_id].update(hashed)
    for organization_id, by_hash in inputs.items():
        if not by_hash:
            continue
        async with database.transaction(organization_id) as session:
            equal = await vectors_of_equal_texts(
                session, organization_id=organization_id, model=model, texts=list(by_hash.values())
            )
            rest = [key for key, words in by_hash.items() if words not in equal]
            found = await stored_vectors(session, organization_id=organization_id, model=model, hashes=rest)
        known.vectors.update(equal)
        known.vectors.update({by_hash[key]: vector for key, vector in found.items()})
    return known


async def _record(
    database: Database,
    changes: Sequence[Change],
    model: ActiveModel,
    *,
    sent: Collection[str],
    took_ms: float,
    now: datetime,
) -> None:
    """Record the calls of a batch with each organisation that had a text in them, at its share of the time."""
    texts: defaultdict[UUID, list[str]] = defaultdict(list)
    for change in changes:
        texts[change.task.organization_id] += [words for words in change.inputs if words in sent]
    for organization_id, own in texts.items():
        if not own:
            continue
        async with database.transaction(organization_id) as session:
            await record_embedding(
                session,
                organization_id=organization_id,
                identity=ModelIdentity(model.name, model.digest),
                texts=[model.doc_prefix + words for words in own],
                total_ms=took_ms * len(own) / max(len(sent), 1),
                now=now,
            )
