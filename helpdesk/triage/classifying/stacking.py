"""What a text model's vote is worth beside the classifier's probabilities: fitted to votes that people then settled.

One weight for the classifier's log probabilities, one for the vote, and one for the vote by how unsure the classifier
was (a conditional logit, McFadden 1974). Without settled votes a vote is evidence of known accuracy (Bayes' rule); the
fewer there are, the nearer the weights stay to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

# How often a small text model names the right label of a handful; measured 74 % and 85 % for two small ones.
MODEL_ACCURACY = 0.75
_LEAST = 1e-6
# How far each weight may lie from the shipped one before votes say so: it takes some thirty to move one that far.
_SPREAD = np.array([0.2, 0.35, 0.35])


@dataclass(frozen=True)
class Pair:
    """A vote of a text model that a person settled.

    Attributes:
        chances: the classifier's probabilities at that time.
        voted: the label that the model named.
        among: the labels that it had to choose from.
        final: the label that a person gave or kept.
    """

    chances: Mapping[str, float]
    voted: str
    among: Sequence[str]
    final: str


@dataclass(frozen=True)
class Stacker:
    """How probabilities and vote are weighed.

    Attributes:
        trust: weight of the classifier's log probabilities; 1 takes them as they are.
        vote: weight of what Bayes' rule gives the label voted for.
        doubt: the same, times how unsure the classifier was, -1/2 to 1/2.
        pairs: settled votes that it was fitted to.
    """

    trust: float = 1.0
    vote: float = 1.0
    doubt: float = 0.0
    pairs: int = 0

    def to_json(self) -> dict[str, float | int]:
        """Return the weights as JSON values."""
        return {"trust": self.trust, "vote": self.vote, "doubt": self.doubt, "pairs": self.pairs}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Stacker:
        """Return what `to_json` gave; raise ValueError where it is something else."""
        try:
            trust, vote, doubt = (float(values[name]) for name in ("trust", "vote", "doubt"))
            return cls(trust, vote, doubt, int(values["pairs"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{values!r} are no weights of a stacker.") from error


SHIPPED = Stacker()


def pool(
    chances: Mapping[str, float], *, voted: str, among: Sequence[str], stacker: Stacker = SHIPPED
) -> dict[str, float]:
    """Return the probabilities after a text model's vote; one for what was not offered counts for nothing."""
    if not _counts(chances, voted, among):
        return dict(chances)
    weights = np.array([stacker.trust, stacker.vote, stacker.doubt])
    return dict(zip(chances, _softmax(_rows(chances, voted, among) @ weights).tolist(), strict=True))


def fit_stacker(pairs: Sequence[Pair]) -> Stacker:
    """Return the likeliest weights given settled votes, held near the shipped ones while there are few.

    Pairs whose vote or final label the classifier did not know are left out.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 (slow to import, and few processes fit)

    usable = [pair for pair in pairs if pair.final in pair.chances and _counts(pair.chances, pair.voted, pair.among)]
    if not usable:
        return SHIPPED
    cases = [(_rows(pair.chances, pair.voted, pair.among), list(pair.chances).index(pair.final)) for pair in usable]
    shipped = np.array([SHIPPED.trust, SHIPPED.vote, SHIPPED.doubt])

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        away = (weights - shipped) / _SPREAD
        value, slope = float(away @ away) / 2, away / _SPREAD
        for rows, final in cases:
            given = _softmax(rows @ weights)
            value -= log(max(float(given[final]), 1e-300))
            slope = slope + given @ rows - rows[final]
        return value, slope

    found = minimize(loss, shipped, jac=True, method="L-BFGS-B", bounds=[(0.1, 3.0), (0.0, 6.0), (-4.0, 4.0)]).x
    trust, vote, doubt = (round(float(weight), 4) for weight in found)
    return Stacker(trust, vote, doubt, len(usable))


def _counts(chances: Mapping[str, float], voted: str, among: Sequence[str]) -> bool:
    return voted in among and voted in chances


def _rows(chances: Mapping[str, float], voted: str, among: Sequence[str]) -> NDArray[np.float64]:
    """Return for each label: log probability, the vote's evidence for it, and that times the uncertainty."""
    given = np.maximum(np.array(list(chances.values())), _LEAST)
    given = given / given.sum()
    others = max(1, len(among) - 1)
    # What Bayes' rule adds to the log-odds of the label voted for, against each other one.
    evidence = log(MODEL_ACCURACY * others / (1 - MODEL_ACCURACY))
    votes = np.array([evidence if label == voted else 0.0 for label in chances])
    unsure = float(-(given * np.log(given)).sum() / log(max(2, len(given)))) - 0.5
    return np.stack([np.log(given), votes, votes * unsure], axis=1)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(scores - scores.max())
    return np.asarray(raised / raised.sum())
