"""The fitted weights of the fusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """A logistic model: the intercept, and the weight of each feature by its name."""

    intercept: float
    by_feature: Mapping[str, float]


HYBRID: dict[str, Weights] = {
    "all-minilm": Weights(-7.0, {"sim": 6.0, "coverage": 3.0, "sim_z": 0.6, "coverage_z": 0.3}),
}
MODEL_FREE = Weights(-4.0, {"coverage": 3.0, "sim_z": 1.0, "coverage_z": 0.4})
LEXICAL = Weights(-4.0, {"coverage": 5.0, "coverage_z": 0.6})
GRAPH_LOGIT = 1.5
RELEVANCE_FLOOR = 0.3
