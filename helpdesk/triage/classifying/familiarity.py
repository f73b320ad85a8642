"""Whether a text is of a kind that the classifier has learnt: so that `unknown` can be an answer.

Three figures tell: how similar the nearest texts are, how much evidence there is for any label (the free energy of the
scores, Liu et al. 2020), and how far the likeliest label leads. Where people marked tickets that fit no label, a fourth
is what a label of such tickets scores. How much each figure counts is fitted to labels that were left out of training
in turn, or to those tickets. Each figure is taken relative to what known texts usually have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from helpdesk.measures.ranking import auc
from helpdesk.triage.classifying.heads import log_softmax

# Before anything is known of a text, nine of ten are of a known kind.
_PRIOR_LOG_ODDS = float(np.log(9))
# Known texts that may be called unknown, and what it is where nothing was left out that would tell.
_FALSE_ALARMS = (0.03, 0.08)
_FALSE_ALARMS_UNTESTED = 0.02
_UNTESTED_WEIGHT = 1.5
_STRANGER_WEIGHT = 1.0
_LEAST_TRIED = 10


@dataclass(frozen=True)
class Familiarity:
    """The figures' usual values, their weights, and from where on a text counts as known.

    Attributes:
        centre, spread: median and interquartile range of the figures among known texts.
        weights: of the figures.
        offset: added to their weighted sum.
        cut: the least probability of a known text.
        tested: how well it told the left-out kinds from the known ones (area under the ROC curve), None where none was.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    offset: float
    cut: float
    tested: float | None = None

    def probability(self, figures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how likely texts are to be of a known kind, by their figures [..., figures]."""
        sums = (figures - np.array(self.centre)) / np.array(self.spread) @ np.array(self.weights) + self.offset
        return np.asarray(1 / (1 + np.exp(-np.clip(sums, -30, 30))))


@dataclass(frozen=True)
class Tried:
    """Figures of models that were trained without some labels: of known texts, and of texts of the labels left out."""

    known: NDArray[np.float64]
    unknown: NDArray[np.float64]


def figures_of(
    similarity: NDArray[np.float32] | float, scores: NDArray[np.float64], *, labels: int
) -> NDArray[np.float64]:
    """Return the figures [..., 3 or 4] of texts.

    Args:
        similarity: of the nearest texts that have a label.
        scores: weighed sums of the heads [..., labels, and one for strangers where there were such examples].
        labels: how many labels there are, strangers not counted.
    """
    known = scores[..., :labels]
    energy = np.log(np.exp(known - known.max(axis=-1, keepdims=True)).sum(axis=-1)) + known.max(axis=-1)
    best = np.clip(np.exp(log_softmax(known)).max(axis=-1), 1e-6, 1 - 1e-6)
    figures = [np.broadcast_to(similarity, energy.shape), energy, np.log(best / (1 - best))]
    if scores.shape[-1] > labels:
        figures.append(energy - scores[..., labels])
    return np.stack(figures, axis=-1).astype(np.float64)


def fit_familiarity(
    known: NDArray[np.float64], tried: Tried | None = None, strangers: NDArray[np.float64] | None = None
) -> Familiarity:
    """Return what tells known texts from others.

    Args:
        known: figures of known texts that the model in use has not seen [texts, figures].
        tried: the same of models for which some labels were left out, without the fourth figure.
        strangers: figures of texts that fit no label, which the model in use has not seen.
    """
    centre, spread = _usual(known)
    weights, offset, alarms, tested = np.array([_UNTESTED_WEIGHT, 0.0, 0.0]), 0.0, _FALSE_ALARMS_UNTESTED, None
    if tried is not None and min(len(tried.known), len(tried.unknown)) >= _LEAST_TRIED:
        usual = _usual(tried.known)
        weights, offset = _fit(_relative(tried.known, *usual), _relative(tried.unknown, *usual), weights)
        alarms, tested = _judge(_relative(tried.known, *usual) @ weights, _relative(tried.unknown, *usual) @ weights)
    if strangers is not None:
        ours, theirs = _relative(known, centre, spread), _relative(strangers, centre, spread)
        weights, offset = _fit(ours, theirs, np.append(weights, _STRANGER_WEIGHT))
        alarms, tested = _judge(ours @ weights, theirs @ weights)
    found = Familiarity(
        tuple(centre.tolist()), tuple(spread.tolist()), tuple(weights.tolist()), offset + _PRIOR_LOG_ODDS, 0.0, tested
    )
    return replace(found, cut=float(np.quantile(found.probability(known), alarms)))


def _usual(figures: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, centre, high = np.quantile(figures, [0.25, 0.5, 0.75], axis=0)
    return centre, np.maximum(high - low, 1e-3)


def _relative(
    figures: NDArray[np.float64], centre: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.clip((figures - centre) / spread, -20, 20)


def _fit(
    known: NDArray[np.float64], unknown: NDArray[np.float64], start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return the weights and offset of a logistic regression in which both sides count alike, held near a start.

    A figure never speaks the wrong way round: where it seems to, that is chance.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 (slow to import, and few processes train)

    rows = np.concatenate([known, unknown])
    sides = np.concatenate([np.ones(len(known)), -np.ones(len(unknown))])
    counts = np.where(sides > 0, len(unknown) / len(known), 1.0)

    def loss(both: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        sums = sides * (rows @ both[:-1] + both[-1])
        slopes = -counts * sides / (1 + np.exp(np.clip(sums, -30, 30)))
        away = both[:-1] - start
        value = float((counts * np.logaddexp(0, -sums)).sum() + away @ away / 2)
        return value, np.append(slopes @ rows + away, slopes.sum())

    bounds = [(0.0, None)] * len(start) + [(None, None)]
    found = minimize(loss, np.append(start, 0.0), jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:-1], float(found[-1])


def _judge(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> tuple[float, float]:
    """Return the share of false alarms worth having, and the area under the ROC curve."""
    shares = np.linspace(*_FALSE_ALARMS, 11)
    limits = np.quantile(known, shares)
    gains = [(unknown < limit).mean() - (known < limit).mean() for limit in limits]
    scores, is_known = np.concatenate([known, unknown]), np.arange(len(known) + len(unknown)) < len(known)
    return float(shares[int(np.argmax(gains))]), round(auc(scores, is_known), 4)
