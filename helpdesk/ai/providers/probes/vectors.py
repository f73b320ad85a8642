"""Probes of an embedding model; what it is shown is made up."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from helpdesk.ai.model import Embedder, InputRefused, ModelBusy, ModelMissing
from helpdesk.ai.providers.probes.finding import Finding

_LIKE = ("How do I reset my password?", "I forgot my pass phrase and cannot sign in.")
_UNLIKE = "The coffee machine on the second floor leaks."
_BATCH = [f"Ticket {number}: the printer in room {number} is out of paper again." for number in range(32)]
# No embedding model of an Ollama library reads so much at once.
_TOO_LONG = "The battery of the laptop is swollen. " * 20_000
_SLOW_TEXTS_A_SECOND = 5.0


async def probe_vectors(embedder: Embedder) -> list[Finding]:
    """Try the size of vectors, whether they tell like from unlike, how fast they come, and what is too long."""
    try:
        return [await _meaning(embedder), await _speed(embedder), await _too_long(embedder)]
    except ModelMissing as missing:
        return [Finding("vectors", "problem", missing.detail, "Have the model pulled, or name another one.")]
    except (ModelBusy, InputRefused) as failure:
        remedy = "Look at the log of the runtime; until it embeds, searches go by words alone."
        return [Finding("vectors", "problem", failure.detail, remedy)]


async def _meaning(embedder: Embedder) -> Finding:
    vectors = await embedder.embed([*_LIKE, _UNLIKE])
    like, unlike = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    again = await embedder.embed([_LIKE[0]])
    figures = {"dimensions": vectors.shape[1], "like": round(like, 3), "unlike": round(unlike, 3)}
    told = f"{vectors.shape[1]} numbers of length 1, cosine {like:.2f} for like texts and {unlike:.2f} for unlike ones"
    if like <= unlike:
        remedy = "Take an embedding model: this one does not tell texts apart."
        return Finding("vectors", "problem", told, remedy, figures)
    if float(np.abs(again[0] - vectors[0]).max()) > 0.05:
        remedy = "Look at the runtime: a text alone and in a batch should have the same vector."
        return Finding("vectors", "problem", "vectors depend on the batch they were made in", remedy, figures)
    return Finding("vectors", "ok", told, figures=figures)


async def _speed(embedder: Embedder) -> Finding:
    began = time.perf_counter()
    await embedder.embed(_BATCH)
    rate = round(len(_BATCH) / (time.perf_counter() - began), 1)
    figures = {"texts_per_second": rate}
    if rate < _SLOW_TEXTS_A_SECOND:
        remedy = "Take a smaller embedding model, or a machine with a GPU: the index lags behind what is written."
        return Finding("speed of vectors", "problem", f"{rate} short texts a second", remedy, figures)
    return Finding("speed of vectors", "ok", f"{rate} short texts a second", figures=figures)


async def _too_long(embedder: Embedder) -> Finding:
    try:
        await embedder.embed([_TOO_LONG])
    except InputRefused:
        return Finding("too long for vectors", "ok", "a text that is too long is refused")
    except ModelBusy as failure:
        remedy = "Take a newer runtime: this one fails on a text that is too long, which looks like an outage."
        return Finding("too long for vectors", "problem", failure.detail, remedy)
    remedy = "Take a newer runtime: this one cuts texts without saying so, and their ends are never found."
    return Finding("too long for vectors", "problem", "a text of 760,000 characters was taken", remedy)


def names_in(listed: Sequence[str]) -> str:
    """Return names as a person reads them, at most ten."""
    if not listed:
        return "no models"
    return ", ".join(sorted(listed)[:10]) + (", …" if len(listed) > 10 else "")
