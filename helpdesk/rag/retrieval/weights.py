"""What a fusion is: a logistic model over features by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Weights:
    """A logistic model: the intercept, and the weight of each feature by its name.

    Attributes:
        background: mean and spread of `sim` and `coverage` among the candidates of the fit that answered nothing.
        kept: pairs of a promised probability and the share that kept it, both rising; empty where the promise is good.
    """

    intercept: float
    by_feature: Mapping[str, float]
    background: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    kept: Sequence[tuple[float, float]] = ()
