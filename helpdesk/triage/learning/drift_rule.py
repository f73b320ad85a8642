"""Whether a week's predictions differ from those of the weeks before by more than chance explains, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log, sqrt
from typing import Any

# With fewer predictions in either window nothing can be told.
LEAST_PREDICTIONS = 50
LEAST_JUDGED = 20
# A population stability index from here on is commonly held to be a shift.
PSI_SHIFT = 0.2
# Changes of a mean or a share that are worth a person's time, where they are no chance.
CONFIDENCE_FALL = 0.05
SHARE_RISE = 0.05
STAGE_B_RISE = 0.10
# Of a standard normal variable, one in a hundred is beyond (two-sided); one in a hundred above (one-sided).
_Z_BOTH, _Z_ONE = 2.576, 2.326
# Classes beyond the commonest count as one.
_MOST_CLASSES = 30
_LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class Window:
    """The predictions of one field within a time.

    Attributes:
        classes: how often each value was predicted, those without a value left out.
        unknown: predictions without a value.
        confidence: sum of the probabilities of those with a value, and of their squares.
        asked_model: predictions that a text model had a say in.
        judged, overridden: those judged within the time, and corrected or rejected.
    """

    classes: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0
    confidence: tuple[float, float] = (0.0, 0.0)
    asked_model: int = 0
    judged: int = 0
    overridden: int = 0

    @property
    def named(self) -> int:
        """Return how many predictions have a value."""
        return sum(self.classes.values())

    @property
    def total(self) -> int:
        """Return how many predictions there are."""
        return self.named + self.unknown

    @property
    def mean(self) -> float:
        """Return the mean probability of those with a value."""
        return self.confidence[0] / self.named if self.named else 0.0

    @property
    def variance(self) -> float:
        """Return the variance of the probabilities."""
        return max(self.confidence[1] / self.named - self.mean**2, 0.0) if self.named else 0.0


@dataclass(frozen=True)
class FieldDrift:
    """How one field drifted.

    Attributes:
        act: whether somebody should look.
        sentence: what is the case and what to do.
        figures: JSON values: of the week, of the weeks before, and how far they are apart.
    """

    act: bool
    sentence: str
    figures: dict[str, Any]


def drift_of(name: str, before: Window, week: Window) -> FieldDrift:
    """Compare a week with the weeks before it."""
    figures: dict[str, Any] = {"before": _figures(before), "week": _figures(week), "psi": None, "psi_by_chance": None}
    if min(before.total, week.total) < LEAST_PREDICTIONS:
        told = f"{week.total} predictions this week and {before.total} before are too few to tell."
        return FieldDrift(False, f"{name}: {told}", figures)
    if min(before.named, week.named) >= LEAST_PREDICTIONS:
        index, by_chance = psi(before.classes, week.classes)
        figures |= {"psi": round(index, 4), "psi_by_chance": round(by_chance, 4)}
    found = [
        told
        for told in (
            _mix(figures, before, week),
            _confidence(before, week),
            _overrides(before, week),
            _unknown(before, week),
            _asked(before, week),
        )
        if told is not None
    ]
    sentence = " ".join(found) if found else "as in the weeks before; nothing to do."
    return FieldDrift(bool(found), f"{name}: {sentence}", figures)


def psi(before: Mapping[str, int], week: Mapping[str, int]) -> tuple[float, float]:
    """Return the population stability index of two mixes of classes, and what chance alone exceeds once in a hundred.

    PSI = sum of (p - q) ln(p / q). Without any shift it is distributed as (1/n + 1/m) times chi squared with one degree
    of freedom less than there are classes (Yurdakul and Naranjo 2020).
    """
    commonest = sorted({**before, **week}, key=lambda label: -(before.get(label, 0) + week.get(label, 0)))
    kept = commonest[:_MOST_CLASSES]
    mixes = [_shares(window, kept) for window in (before, week)]
    index = sum((p - q) * log(p / q) for q, p in zip(*mixes, strict=True))
    scale = 1 / max(sum(before.values()), 1) + 1 / max(sum(week.values()), 1)
    return index, scale * _chi_squared(max(len(mixes[0]) - 1, 1))


def _shares(counts: Mapping[str, int], labels: list[str]) -> list[float]:
    total = max(sum(counts.values()), 1)
    own = [counts.get(label, 0) / total for label in labels]
    rest = 1 - sum(own)
    return [max(share, _LEAST_SHARE) for share in ([*own, rest] if len(labels) == _MOST_CLASSES else own)]


def _chi_squared(freedom: int) -> float:
    """Return the 99 % quantile of chi squared (Wilson and Hilferty 1931)."""
    part = 2 / (9 * freedom)
    return freedom * float((1 - part + _Z_ONE * sqrt(part)) ** 3)


def _mix(figures: Mapping[str, Any], before: Window, week: Window) -> str | None:
    index = figures["psi"]
    if index is None or index < max(PSI_SHIFT, figures["psi_by_chance"]):
        return None
    label = max(
        {**before.classes, **week.classes},
        key=lambda one: abs(week.classes.get(one, 0) / week.named - before.classes.get(one, 0) / before.named),
    )
    was, now = before.classes.get(label, 0) / before.named, week.classes.get(label, 0) / week.named
    return (
        f"other values than before (PSI {index:.2f}; “{label}” {was:.0%} → {now:.0%}); "
        "see whether tickets really changed, and correct some if not."
    )


def _confidence(before: Window, week: Window) -> str | None:
    fall = before.mean - week.mean
    if fall < CONFIDENCE_FALL or min(before.named, week.named) < LEAST_PREDICTIONS:
        return None
    if fall < _Z_BOTH * sqrt(before.variance / before.named + week.variance / week.named):
        return None
    return f"less sure than before ({before.mean:.2f} → {week.mean:.2f}); correct some of the unsure ones and train."


def _overrides(before: Window, week: Window) -> str | None:
    if min(before.judged, week.judged) < LEAST_JUDGED:
        return None
    was, now = before.overridden / before.judged, week.overridden / week.judged
    if not _rose(was, before.judged, now, week.judged, least=SHARE_RISE):
        return None
    return f"overridden more often than before ({was:.0%} → {now:.0%}); train, and see the gates."


def _unknown(before: Window, week: Window) -> str | None:
    was, now = before.unknown / before.total, week.unknown / week.total
    if not _rose(was, before.total, now, week.total, least=SHARE_RISE):
        return None
    return f"more tickets of no known kind ({was:.0%} → {now:.0%}); a category may be missing."


def _asked(before: Window, week: Window) -> str | None:
    was, now = before.asked_model / before.total, week.asked_model / week.total
    if not _rose(was, before.total, now, week.total, least=STAGE_B_RISE):
        return None
    return f"a text model is asked more often ({was:.0%} → {now:.0%}); correct some of those tickets and train."


def _rose(was: float, of: int, now: float, out_of: int, *, least: float) -> bool:
    """Return whether a share rose by so much, and by more than chance explains (two proportions, 99 %)."""
    pooled = (was * of + now * out_of) / (of + out_of)
    error = sqrt(pooled * (1 - pooled) * (1 / of + 1 / out_of))
    return now - was >= least and now - was > _Z_BOTH * error


def _figures(window: Window) -> dict[str, Any]:
    total = max(window.total, 1)
    return {
        "predictions": window.total,
        "classes": dict(sorted(window.classes.items(), key=lambda item: (-item[1], item[0]))[:_MOST_CLASSES]),
        "mean_confidence": round(window.mean, 4),
        "unknown_share": round(window.unknown / total, 4),
        "asked_model_share": round(window.asked_model / total, 4),
        "judged": window.judged,
        "override_rate": round(window.overridden / window.judged, 4) if window.judged else None,
    }
