"""Vectors of many texts by the product's embedding model, kept in a folder between runs."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from labelled_texts import Refused
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from scratch import models_alone

from helpdesk.ai.model import Embedder, InputRefused, ModelIdentity
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.errors import HelpdeskError
from helpdesk.rag.embedding.profiles import profile_of
from helpdesk.rag.embedding.vectors import TICKET_INPUT_CHARS
from helpdesk.settings import Settings

Vectors = dict[str, NDArray[np.float32]]

_BATCH = 32
_AT_ONCE = 3
# What a broken-off run has kept when it is begun again.
_SAVED_EVERY = 8192
progress = Console(stderr=True)


def embed_all(texts: Sequence[str], *, cache: Path | None) -> Vectors:
    """Return the vector of each distinct text; one that the model refuses has none.

    Args:
        texts: as `ticket_input` makes them.
        cache: folder in which vectors are kept, by model and text; None keeps none.
    """
    wanted = sorted({text for text in texts if text}, key=len)
    with models_alone() as host:
        try:
            return asyncio.run(_embed(wanted, Settings(ollama_host=host), cache))
        except HelpdeskError as error:
            raise Refused(f"The embedding model does not answer: {error}") from error


async def _embed(wanted: Sequence[str], settings: Settings, cache: Path | None) -> Vectors:
    models = connect_models(settings)
    try:
        identity = await models.embedder.identify()
        known = _read(cache, identity) if cache else {}
        missing = [text for text in wanted if _key(text) not in known]
        for start in range(0, len(missing), _SAVED_EVERY):
            part = missing[start : start + _SAVED_EVERY]
            made = await _embed_part(models.embedder, part, identity, told=f"{start + len(part)} of {len(missing)}")
            known |= {_key(text): vector for text, vector in made.items()}
            if cache:
                _write(cache, identity, known)
        return {text: known[_key(text)] for text in wanted if _key(text) in known}
    finally:
        await models.close()


async def _embed_part(embedder: Embedder, texts: Sequence[str], identity: ModelIdentity, *, told: str) -> Vectors:
    """Embed texts sorted by length, several calls at once; print how fast that was."""
    prefix = profile_of(identity.name).query_prefix
    found: Vectors = {}
    batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
    waiting = iter(batches)
    began = time.perf_counter()
    bar = Progress(
        TextColumn("embedding {task.percentage:.0f} %"), BarColumn(), TimeRemainingColumn(), console=progress
    )

    async def work(task: object) -> None:
        for batch in waiting:
            found.update(await _embed_batch(embedder, batch, prefix))
            bar.update(task, advance=len(batch))  # type: ignore[arg-type]

    with bar:
        task = bar.add_task("embedding", total=len(texts))
        await asyncio.gather(*(work(task) for _ in range(_AT_ONCE)))
    rate = len(texts) / max(time.perf_counter() - began, 1e-9)
    progress.print(f"embedded {told} texts with {identity.name}, {rate:.0f} a second")
    return found


async def _embed_batch(embedder: Embedder, texts: Sequence[str], prefix: str) -> Vectors:
    """Return the vectors of a batch; a text that is refused is cut, and at last left out."""
    try:
        made = await embedder.embed([prefix + text for text in texts])
    except InputRefused:
        if len(texts) > 1:
            middle = len(texts) // 2
            first = await _embed_batch(embedder, texts[:middle], prefix)
            return first | await _embed_batch(embedder, texts[middle:], prefix)
        return await _embed_shorter(embedder, texts[0], prefix)
    return dict(zip(texts, np.asarray(made, dtype=np.float32), strict=True))


async def _embed_shorter(embedder: Embedder, text: str, prefix: str) -> Vectors:
    for share in (0.5, 0.25):
        try:
            [made] = await embedder.embed([prefix + text[: int(TICKET_INPUT_CHARS * share)]])
        except InputRefused:
            continue
        return {text: np.asarray(made, dtype=np.float32)}
    return {}


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _file(cache: Path, identity: ModelIdentity) -> Path:
    return cache / f"vectors-{hashlib.sha256(identity.digest.encode()).hexdigest()[:16]}.npz"


def _read(cache: Path, identity: ModelIdentity) -> dict[bytes, NDArray[np.float32]]:
    path = _file(cache, identity)
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            keys, vectors = arrays["keys"], arrays["vectors"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise Refused(f"{path} is damaged; remove it.") from error
    return {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}


def _write(cache: Path, identity: ModelIdentity, known: Mapping[bytes, NDArray[np.float32]]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    path = _file(cache, identity)
    keys = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(len(known), -1)
    beside = path.with_suffix(".part.npz")
    np.savez(beside, keys=keys, vectors=np.stack(list(known.values())))
    beside.replace(path)
