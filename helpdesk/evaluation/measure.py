"""The measures that an evaluation takes, each with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from helpdesk.evaluation.sample import Columns, Sample
from helpdesk.measures.calibration import brier, calibration_error
from helpdesk.measures.classes import macro_f1
from helpdesk.measures.coverage import coverage_at
from helpdesk.measures.intervals import wilson
from helpdesk.measures.ranking import auc, average_precision

DRAWS = 1000
LEVEL = 0.95
Wanted = Literal["high", "low", "either"]


@dataclass(frozen=True)
class Measure:
    """A figure that is taken from cases.

    Attributes:
        title: as tables name it.
        statistic: takes columns, gives the figure; NaN where there is nothing to take it from.
        wanted: which way is better.
        share: the column whose mean it is, where each value is 0 or 1; then the interval is Wilson's.
        among: the column that says which cases count for it.
    """

    title: str
    statistic: Callable[[Columns], float]
    wanted: Wanted = "high"
    share: str = ""
    among: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure with the interval that holds the truth 19 times of 20.

    Attributes:
        n: how many cases it rests on.
    """

    part: str
    field: str
    measure: str
    value: float
    low: float
    high: float
    n: int

    @property
    def name(self) -> str:
        """Return how it is named in one word."""
        return f"{self.part}.{self.field}.{self.measure}"


@dataclass(frozen=True)
class Missing:
    """What could not be measured: how many cases there are, and how many it takes."""

    part: str
    field: str
    have: int
    need: int
    what: str

    @property
    def sentence(self) -> str:
        """Return what is missing."""
        return f"{self.have} {self.what}; it takes {self.need}, {self.need - self.have} more."


def figures_of(samples: Iterable[Sample], *, seed: int) -> tuple[list[Figure], list[Missing]]:
    """Return the figures of samples, and what there are too few cases for."""
    figures: list[Figure] = []
    missing: list[Missing] = []
    for sample in samples:
        if sample.cases < sample.least:
            missing.append(Missing(sample.part, sample.field, sample.cases, sample.least, sample.what))
            continue
        figures += [one for name in sample.measures if (one := figure_of(sample, name, seed=seed)) is not None]
    return figures, missing


def figure_of(sample: Sample, name: str, *, seed: int) -> Figure | None:
    """Return one figure of a sample, None where no case counts for it."""
    measure = MEASURES[name]
    columns = counted(sample.arrays, measure)
    rows = len(next(iter(columns.values())))
    value = measure.statistic(columns) if rows else np.nan
    if np.isnan(value):
        return None
    if measure.share and not sample.groups:
        low, high = wilson(float(columns[measure.share].sum()), rows)
    else:
        found = draws_of(sample, measure, np.random.default_rng(seed))
        low, high = interval(found)
        if low == high == value and value in {0.0, 1.0}:
            # All cases alike draw nothing but themselves; that says no more than so many successes in a row.
            low, high = wilson(value * rows, rows)
    return Figure(sample.part, sample.field, name, float(value), low, high, rows)


def counted(columns: Columns, measure: Measure) -> Columns:
    """Return the rows that count for a measure."""
    if not measure.among:
        return columns
    chosen = columns[measure.among] == 1
    return {name: column[chosen] for name, column in columns.items()}


def taken(columns: Columns, measure: Measure) -> float:
    """Return the figure, NaN where no row counts for it."""
    found = counted(columns, measure)
    return measure.statistic(found) if len(next(iter(found.values()))) else np.nan


def draws_of(sample: Sample, measure: Measure, random: np.random.Generator) -> list[float]:
    """Return the figure of samples drawn with repetition, case by independent case (Efron 1979)."""
    return [taken(sample.drawn(random.integers(0, sample.cases, sample.cases)), measure) for _ in range(DRAWS)]


def interval(found: Iterable[float]) -> tuple[float, float]:
    """Return what holds 95 % of figures; those that could not be taken are left out."""
    values = np.array(list(found))
    values = values[~np.isnan(values)]
    if not values.size:
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _share(title: str, column: str, *, among: str = "", wanted: Wanted = "high") -> Measure:
    return Measure(title, lambda columns: float(columns[column].mean()), wanted, share=column, among=among)


def _mean(title: str, column: str, *, among: str = "", wanted: Wanted = "high") -> Measure:
    return Measure(title, lambda columns: float(columns[column].mean()), wanted, among=among)


def _unsupported(columns: Columns) -> float:
    sentences = float(columns["sentences"].sum())
    return float(columns["unsupported"].sum()) / sentences if sentences else np.nan


def _ranks(columns: Columns, measure: Callable[[Columns], float]) -> float:
    return measure(columns) if len(np.unique(columns["came"])) == 2 else np.nan


MEASURES: dict[str, Measure] = {
    "accuracy": _share("accuracy", "right"),
    "macro_f1": Measure("macro-F1", lambda c: macro_f1(c["truth"], c["chosen"])),
    "calibration_error": Measure("ECE", lambda c: calibration_error(c["promised"], c["right"]), "low"),
    "coverage_95": Measure("coverage at 95 %", lambda c: coverage_at(c["promised"], c["right"], 0.95).share),
    "said_unknown": _share("said unknown", "unknown", wanted="either"),
    "set_alone": _share("set without asking", "set_alone", wanted="either"),
    "right_of_set": _share("right of those set", "right", among="set_alone"),
    "hit_1": _share("hit@1", "first"),
    "hit_5": _share("hit@5", "in_five"),
    "mrr_5": _mean("MRR@5", "reciprocal"),
    "shown": _share("share shown", "shown", wanted="either"),
    "right_of_shown": _share("right of those shown", "first", among="shown"),
    "left_alone": _share("left alone", "left_alone"),
    "answered": _share("share answered", "answered"),
    "cites_right": _share("cites the right article", "right", among="answered"),
    "search_right": _share("hit@1 of the same", "first", among="answered"),
    "ids_exist": _share("all ids exist", "ids_exist", among="answered"),
    "unsupported": Measure("unsupported sentences", _unsupported, "low", among="answered"),
    "sent": _share("sent by agents", "sent"),
    "unedited": _share("sent as drafted", "unedited"),
    "edit_distance": _mean("edit distance of sent", "distance", among="sent", wanted="low"),
    "auc": Measure("AUC", lambda c: _ranks(c, lambda d: auc(d["promised"], d["came"]))),
    "average_precision": Measure("PR-AUC", lambda c: _ranks(c, lambda d: average_precision(d["promised"], d["came"]))),
    "brier": Measure("Brier", lambda c: brier(c["promised"], c["came"]), "low"),
    "breach_ece": Measure("ECE", lambda c: calibration_error(c["promised"], c["came"]), "low"),
    "breached": _share("breached", "came", wanted="either"),
}
