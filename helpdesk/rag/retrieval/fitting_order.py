"""Find the weights that put what answers a query above what does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_STEPS = 300
_TINY = 1e-300
# What the words' share and the sharpness of a query's scores may be.
_SHARES = np.geomspace(0.1, 8.0, 20)
_SHARPNESS = np.geomspace(0.5, 8.0, 14)


@dataclass(frozen=True)
class Table:
    """The candidates of one query.

    Attributes:
        columns: float64 [candidates, features].
        answers: bool [candidates], the best passage of each document that answers.
        others: how much each candidate counts as not answering, 0 to 1; 0 for passages of documents that answer.
        weight: of the query in the whole.
    """

    columns: Floats
    answers: NDArray[np.bool_]
    others: Floats
    weight: float = 1.0


def order_weights(tables: Sequence[Table], *, prior: Floats, strength: float, least: Floats) -> Floats:
    """Return the weights with the least loss and distance from the prior, float64 [features].

    The loss of a query is the mean over its answers of -log(e^s / (e^s + sum over the others of e^s)): each answer
    against all that is none (a softmax over lists, as in ListNet; Cao et al. 2007). The distance is squared, in units
    of a feature's spread within queries, and counts `strength` times; the losses are summed by the queries' weights.

    Args:
        least: lower bounds of the weights.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 -- half of what a worker's start would take

    chosen = [table for table in tables if table.answers.any() and table.others.any()]
    if not chosen:
        return prior
    spread = spread_within(chosen)
    loss = _Loss(chosen, spread)
    centre = prior * spread

    def objective(scaled: Floats) -> tuple[float, Floats]:
        value, slope = loss(scaled)
        away = scaled - centre
        return value + strength * float(away @ away), slope + 2 * strength * away

    bounds = [(low, None) for low in (least * spread).tolist()]
    start = np.maximum(centre, 0.1)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS})
    return np.asarray(found.x / spread)


def share_of_words(tables: Sequence[Table], *, strength: float, caution: float) -> float:
    """Return how much words count, 1 being as in the shipped weights, for tables of two columns: meaning and words.

    Each share is judged at the sharpness of the scores that suits it best: a corpus whose answers are hard to tell
    apart wants flat scores, and must not buy them with the wrong share. The result is the mean over all shares by how
    probable each is, which is steadier than the best one.

    Args:
        strength: how much a share of e or 1/e counts against it, in units of the loss of one query.
        caution: how much more loss than the least makes a share improbable by a factor of e.
    """
    losses = np.zeros((len(_SHARES), len(_SHARPNESS)))
    for table in tables:
        if table.answers.any() and table.others.any():
            losses += table.weight * _losses(table)
    steps = np.log(_SHARES)
    loss = losses.min(axis=1) + strength * steps**2
    belief = np.exp((loss.min() - loss) / caution)
    return float(np.exp(belief @ steps / belief.sum()))


def _losses(table: Table) -> Floats:
    """Return the loss of a query for each share and sharpness, float64 [shares, sharpness]."""
    meaning, words = table.columns.T
    scores = (meaning + _SHARES[:, None] * words)[:, None, :] * _SHARPNESS[None, :, None]
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    others = (raised * table.others).sum(axis=-1, keepdims=True)
    answers = np.maximum(raised[..., table.answers], _TINY)
    return np.asarray(-np.log(np.maximum(answers / (answers + others), _TINY)).mean(axis=-1))


def spread_within(tables: Sequence[Table]) -> Floats:
    """Return the standard deviation of each feature within queries: what is the same for all orders nothing."""
    centred = np.concatenate([table.columns - table.columns.mean(axis=0) for table in tables])
    return np.asarray(np.sqrt((centred**2).mean(axis=0)) + 1e-9)


class _Loss:
    """The summed loss and its slope; all queries' candidates stand in one matrix."""

    def __init__(self, tables: Sequence[Table], spread: Floats) -> None:
        sizes = [len(table.answers) for table in tables]
        self._columns = np.concatenate([table.columns for table in tables]) / spread
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._query = np.repeat(np.arange(len(tables)), sizes)
        self._others = np.concatenate([table.others for table in tables])
        answers = np.concatenate([table.answers for table in tables])
        share = np.array([table.weight / table.answers.sum() for table in tables])
        self._answers = np.where(answers, share[self._query], 0.0)

    def __call__(self, weights: Floats) -> tuple[float, Floats]:
        scores = self._columns @ weights
        raised = np.exp(scores - np.maximum.reduceat(scores, self._starts)[self._query])
        others = np.add.reduceat(raised * self._others, self._starts)[self._query]
        whole = np.maximum(raised + others, _TINY)
        won = np.maximum(raised / whole, _TINY)
        pull = np.add.reduceat(self._answers / whole, self._starts)[self._query]
        slope = raised * self._others * pull - self._answers * (1 - won)
        return float(-(self._answers * np.log(won)).sum()), np.asarray(slope @ self._columns)
