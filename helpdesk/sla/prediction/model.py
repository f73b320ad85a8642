"""The model in use, and what it says of moments; without a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from helpdesk.sla.prediction.estimating.estimator import Estimator
from helpdesk.sla.prediction.features import Features, table_of
from helpdesk.sla.prediction.hazard import Estimate, HazardTable, Moment
from helpdesk.sla.prediction.reasons import reasons_of

HAZARD = "hazard-table-1"
KIND = "breach"


@dataclass(frozen=True)
class FittedModel:
    """A version of the organisation's own estimator."""

    version: int
    estimator: Estimator

    @property
    def name(self) -> str:
        """Return how predictions name it."""
        return f"{KIND}-{self.version} ({self.estimator.trees.library})"


@dataclass(frozen=True)
class HazardModel:
    """The table of hazards, and why it is not an estimator that judges, in a sentence."""

    table: HazardTable
    reason: str

    name: str = field(default=HAZARD, init=False)


Model: TypeAlias = FittedModel | HazardModel


def score(
    model: Model, features: Sequence[Features], *, usual_backlogs: Mapping[int, float] | None = None
) -> list[Estimate]:
    """Return the probability of breach of each moment, with its reasons; a clock past its target has breached.

    Args:
        usual_backlogs: open tickets on the average day, by place in `features`; the table of hazards alone asks for it.
    """
    if isinstance(model, HazardModel):
        usual = usual_backlogs or {}
        return [model.table.estimate(_moment(one, usual.get(place, 0.0))) for place, one in enumerate(features)]
    if not features:
        return []
    table = table_of(features)
    probabilities = model.estimator.judge(table)
    moved = model.estimator.contributions(table)
    found = []
    for place, one in enumerate(features):
        if one.used > 1:
            found.append(HazardTable(()).estimate(_moment(one, 0.0)))
            continue
        reasons = reasons_of(one, {name: float(column[place]) for name, column in moved.items()})
        found.append(Estimate(round(float(probabilities[place]), 4), reasons))
    return found


def _moment(features: Features, usual_backlog: float) -> Moment:
    return Moment(
        metric=features.metric,
        priority=features.priority,
        used=features.used,
        backlog=features.backlog,
        usual_backlog=usual_backlog,
        inflow=features.inflow,
        outflow=features.outflow,
    )
