"""Put questions about the same thing together, and leave those that stand alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from helpdesk.rag.text.stop_words import STOP_WORDS
from helpdesk.rag.text.terms import words_of

Floats = NDArray[np.float32]

# From which cosine on any two questions of a cluster are alike, by the model's name without its tag. With complete
# linkage over 4 samples of 100 questions on 20 subjects and 40 on as many others (StackFAQ development set), .50 found
# .94 of the subjects with a purity of .98 and took in .04 of the others; .45 and .55 found .90 each, average linkage at
# its best .91. On banking questions, all of one field, .86 with .80.
_CLOSE = {"all-minilm": 0.5}
# For another model: what lies so many standard deviations above an ordinary pair; that is .50 for the model above.
_DEVIATIONS = 3.75
# The standard deviation of a normal distribution is so many median absolute deviations.
_MAD_TO_DEVIATION = 1.4826
# Of the way from an ordinary pair to equal words, at most so much.
_CLOSEST = 0.9
# Too few pairs tell nothing of an ordinary one.
_LEAST_TEXTS = 20
_CLOSE_AMONG_FEW = 0.95


@dataclass(frozen=True)
class Closeness:
    """When questions belong together.

    Attributes:
        least: similarity that every two questions of a cluster have, or that two clusters have on average.
        linkage: `complete` for every two, `average` where alike questions may share no word.
    """

    least: float
    linkage: Literal["complete", "average"]


# On the same samples .78 of the subjects with a purity of .89, and .20 of the others taken in.
BY_WORDS = Closeness(0.2, "average")


def similarities_of_vectors(vectors: Floats) -> Floats:
    """Return the cosine of each pair, float32 [n, n]; `vectors` are of length one, float32 [n, dims]."""
    return np.asarray(vectors @ vectors.T, dtype=np.float32)


def similarities_of_words(texts: Sequence[str], *, language: str | None = None) -> Floats:
    """Return the cosine of TF-IDF weights of each pair, float32 [n, n]: for when there are no vectors."""
    if not any(_words(text, language) for text in texts):
        return np.eye(len(texts), dtype=np.float32)
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 (a third of a worker's start)

    weights = TfidfVectorizer(analyzer=lambda text: _words(text, language), sublinear_tf=True).fit_transform(texts)
    return np.asarray((weights @ weights.T).toarray(), dtype=np.float32)


def by_vectors(similarity: Floats, *, model: str) -> Closeness:
    """Return when questions are about the same, for a model by its name, with or without its tag.

    A chain of questions, each like the next, does not join what is unlike at its ends.

    Args:
        similarity: of all pairs; of a model that nothing was measured for, it tells what an ordinary pair is.
    """
    name = model.split(":", 1)[0].rsplit("/", 1)[-1]
    if name in _CLOSE:
        return Closeness(_CLOSE[name], "complete")
    if len(similarity) < _LEAST_TEXTS:
        return Closeness(_CLOSE_AMONG_FEW, "complete")
    pairs = similarity[np.triu_indices(len(similarity), 1)]
    usual = float(np.median(pairs))
    spread = _MAD_TO_DEVIATION * float(np.median(np.abs(pairs - usual)))
    return Closeness(min(usual + _DEVIATIONS * spread, usual + _CLOSEST * (1 - usual)), "complete")


def clusters_of(similarity: Floats, closeness: Closeness) -> list[list[int]]:
    """Return the clusters of at least two, the largest first.

    Args:
        similarity: of each pair, float32 [n, n].
    """
    if len(similarity) < 2:
        return []
    distances = np.clip(1.0 - similarity.astype(np.float64), 0.0, None)
    np.fill_diagonal(distances, 0.0)
    from sklearn.cluster import AgglomerativeClustering  # noqa: PLC0415 (as above)

    labels = AgglomerativeClustering(
        n_clusters=None,
        metric="precomputed",
        linkage=closeness.linkage,
        distance_threshold=1.0 - closeness.least,
    ).fit_predict(distances)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for place, label in enumerate(labels.tolist()):
        members[label].append(place)
    found = [cluster for cluster in members.values() if len(cluster) > 1]
    return sorted(found, key=lambda cluster: (-len(cluster), cluster[0]))


def typical_of(similarity: Floats, cluster: Sequence[int], *, most: int) -> list[int]:
    """Return the questions of a cluster that are most like all of it, the most typical first."""
    within = similarity[np.ix_(cluster, cluster)].mean(axis=1)
    order = sorted(range(len(cluster)), key=lambda place: (-float(within[place]), cluster[place]))
    return [cluster[place] for place in order[:most]]


def _words(text: str, language: str | None) -> list[str]:
    stop = STOP_WORDS.get(language or "en", ())
    return [word for word in words_of(text, language or "en") if word not in stop]
