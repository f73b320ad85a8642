"""Two runs side by side: what is different, how sure that is, and a word for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from helpdesk.evaluation.measure import DRAWS, MEASURES, Measure, draws_of, interval, taken
from helpdesk.evaluation.sample import Sample

Word = Literal["better", "worse", "different", "no difference shown"]
# Cases that both runs scored are compared one by one where they are most of both.
_SHARED = 0.8


@dataclass(frozen=True)
class Difference:
    """What one figure is now against what it was.

    Attributes:
        by: now less before; on the shared cases where it is `paired`.
        low, high: the interval that holds the true difference 19 times of 20.
        n: how many independent cases it rests on; of two unpaired runs the fewer.
    """

    part: str
    field: str
    measure: str
    before: float
    now: float
    by: float
    low: float
    high: float
    paired: bool
    n: int
    word: Word

    @property
    def name(self) -> str:
        """Return how it is named in one word."""
        return f"{self.part}.{self.field}.{self.measure}"


def compare(before: Iterable[Sample], now: Iterable[Sample], *, seed: int) -> list[Difference]:
    """Return the differences of all figures that both runs have enough cases for."""
    earlier = {sample.name: sample for sample in before}
    found: list[Difference] = []
    for sample in now:
        other = earlier.get(sample.name)
        if other is None or min(sample.cases, other.cases) < sample.least:
            continue
        old, new, paired = _matched(other, sample)
        shared = [name for name in sample.measures if name in other.measures]
        differences = [_difference(old, new, name, paired=paired, seed=seed) for name in shared]
        found += [one for one in differences if one is not None]
    return found


def _matched(before: Sample, now: Sample) -> tuple[Sample, Sample, bool]:
    """Return both with the shared cases alone where these are most of both, else as they are."""
    known = set(before.keys)
    shared = sorted(key for key in now.keys if key in known)
    if len(shared) < _SHARED * max(len(before.keys), len(now.keys)):
        return before, now, False
    old, new = before.only(shared), now.only(shared)
    # Drawn case by case, both have to fall into the same groups.
    return (old, new, True) if old.cases >= now.least and list(old.groups) == list(new.groups) else (before, now, False)


def _difference(before: Sample, now: Sample, name: str, *, paired: bool, seed: int) -> Difference | None:
    measure = MEASURES[name]
    old, new = taken(before.arrays, measure), taken(now.arrays, measure)
    if np.isnan(old) or np.isnan(new):
        return None
    low, high = interval(_gains(before, now, measure, paired=paired, seed=seed))
    return Difference(
        part=now.part,
        field=now.field,
        measure=name,
        before=old,
        now=new,
        by=new - old,
        low=low,
        high=high,
        paired=paired,
        n=min(before.cases, now.cases),
        word=_word(measure, low, high),
    )


def _gains(before: Sample, now: Sample, measure: Measure, *, paired: bool, seed: int) -> Sequence[float]:
    random = np.random.default_rng(seed)
    if not paired:
        pairs = zip(draws_of(before, measure, random), draws_of(now, measure, random), strict=True)
        return [new - old for old, new in pairs]
    gains = []
    for _ in range(DRAWS):
        drawn = random.integers(0, now.cases, now.cases)
        gains.append(taken(now.drawn(drawn), measure) - taken(before.drawn(drawn), measure))
    return gains


def _word(measure: Measure, low: float, high: float) -> Word:
    if np.isnan(low) or low <= 0 <= high:
        return "no difference shown"
    if measure.wanted == "either":
        return "different"
    return "better" if (low > 0) == (measure.wanted == "high") else "worse"
