"""What one field of a ticket is predicted with: heads, how much each counts, and what their sum is good for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.conformal import set_of
from helpdesk.triage.classifying.familiarity import Familiarity, figures_of
from helpdesk.triage.classifying.heads import Head, NearHead, View, WordHead, log_softmax
from helpdesk.triage.classifying.temperature import keep_doubt
from helpdesk.triage.classifying.thresholds import NEVER, threshold_of


@dataclass(frozen=True)
class Assessment:
    """What the classifier thinks of one field of a text.

    Attributes:
        chances: the probability of each label.
        set_of: the labels that cannot be ruled out, likeliest first: the right one is among them 19 times of 20.
        familiar: the probability that the text is of a kind that it has learnt.
        known: whether that is enough; where not, `unknown` is the answer.
    """

    chances: dict[str, float]
    set_of: tuple[str, ...]
    familiar: float
    known: bool


@dataclass(frozen=True)
class Part:
    """A head, and its share in the sum."""

    head: Head
    share: float


@dataclass(frozen=True)
class FieldModel:
    """The model of one field.

    Attributes:
        labels: the values, in the order of the heads' scores; where there were tickets that fit none, the heads have
            one score more, the last, for those.
        parts: the heads; their shares add up to 1.
        temperature: divides their sum, so that probabilities keep what they promise.
        blind: factor of the word head's scores where a text has no vector.
        examples: labelled tickets it learnt from.
        cuts: the least probability with which each label belongs to the set.
        thresholds: from which probability on each label is right how often [labels, thresholds.WANTED].
        familiarity: None where it never learnt from tickets.
        figures: how well it did on tickets it had not seen.
    """

    labels: tuple[str, ...]
    parts: tuple[Part, ...]
    temperature: float
    blind: float
    examples: int
    cuts: NDArray[np.float32]
    thresholds: NDArray[np.float32]
    familiarity: Familiarity | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)

    def scores(self, view: View) -> NDArray[np.float64]:
        """Return the weighed sum of the heads; without a vector, of the words alone."""
        if view.vector is None:
            words = next((part.head for part in self.parts if isinstance(part.head, WordHead)), None)
            found = None if words is None else words.scores(view)
            return np.zeros(len(self.labels)) if found is None else found.astype(np.float64) * self.blind
        total: Any = 0.0
        for part in self.parts:
            if (scores := part.head.scores(view)) is not None:
                total = total + np.float64(part.share / self.temperature) * scores
        return np.asarray(total, dtype=np.float64)

    def probabilities(self, view: View) -> dict[str, float]:
        """Return the probability of each label."""
        return dict(zip(self.labels, self._chances(self.scores(view)).tolist(), strict=True))

    def assess(self, view: View) -> Assessment:
        """Return probabilities, the labels that cannot be ruled out, and whether the text is of a known kind."""
        scores = self.scores(view)
        chances = self._chances(scores)
        familiar, known = 1.0, True
        votes = next((part.head for part in self.parts if isinstance(part.head, NearHead)), None)
        if self.familiarity is not None and votes is not None and view.near is not None:
            near = type(view.near)(view.near.places[None], view.near.similarities[None])
            similarity = votes.familiarity_of(near, labels=len(self.labels))[0]
            figures = figures_of(similarity, scores, labels=len(self.labels))
            familiar = float(self.familiarity.probability(figures))
            known = familiar >= self.familiarity.cut
        return Assessment(
            dict(zip(self.labels, chances.tolist(), strict=True)),
            set_of(chances, self.cuts, self.labels),
            familiar,
            known,
        )

    def threshold_for(self, label: str, wanted_accuracy: float) -> float:
        """Return from which probability on the label is right so often; above 1 is never."""
        if label not in self.labels:
            return NEVER
        return threshold_of(self.thresholds[self.labels.index(label)], wanted_accuracy)

    def _chances(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return keep_doubt(np.exp(log_softmax(scores[: len(self.labels)])), examples=self.examples)
