"""Decide which estimator predicts from now on: the one in use, the same set right anew, or a new one; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from helpdesk.sla.prediction.estimating.estimator import Estimator
from helpdesk.sla.prediction.estimating.fitting import TooLittleToLearn, fit, measured
from helpdesk.sla.prediction.estimating.table import Lesson

# Rows since the one in use was fitted that are worth a new one: so many, and this share of all.
FRESH_ROWS, FRESH_SHARE = 200, 0.02
# Days after which promises are set right anew, and the days they are set right by.
RECALIBRATE_AFTER, WINDOW = 7.0, 28.0
_LEAST_WINDOW = 100
# Not worse: by no more than the newest rows can tell.
_BRIER_ROOM, _AUC_ROOM = 0.002, 0.01


@dataclass(frozen=True)
class Verdict:
    """What becomes of a fit.

    Attributes:
        estimator: the new one, or the one in use set right; None where there is nothing new.
        promoted: whether it predicts from now on.
        reason: in a sentence.
    """

    estimator: Estimator | None
    promoted: bool
    reason: str


def decide(lesson: Lesson, champion: Estimator | None, *, today: float) -> Verdict:
    """Fit to a lesson, and let the newest rows judge.

    Args:
        champion: the one in use; None where there is none.
        today: in the days of the lesson's times.

    Raises:
        TooLittleToLearn: the rows are too few, or all went the same way.
    """
    if champion is None:
        return _first(lesson, today)
    fresh = lesson.times > float(champion.figures.get("until", -np.inf))
    if fresh.sum() >= max(FRESH_ROWS, FRESH_SHARE * len(lesson)):
        verdict = _compare(lesson, champion, fresh, today)
        if verdict is not None and verdict.promoted:
            return verdict
    else:
        verdict = None
    if today - float(champion.figures.get("calibrated", -np.inf)) >= RECALIBRATE_AFTER:
        verdict = _set_right(lesson, champion, today) or verdict
    return verdict or Verdict(None, False, "Hardly anything has been learnt since.")


def _first(lesson: Lesson, today: float) -> Verdict:
    estimator = _stamped(fit(lesson), lesson, today)
    rate = float(estimator.figures.get("rate", 0.0))
    brier = float(estimator.figures.get("brier", 1.0))
    if brier < rate * (1 - rate):
        return Verdict(estimator, True, "The first one, and better than the rate of breaches alone.")
    return Verdict(estimator, False, "No better than the rate of breaches alone on the newest clocks.")


def _compare(lesson: Lesson, champion: Estimator, fresh: Any, today: float) -> Verdict | None:
    """Let the newer half of the fresh rows judge the one in use and one that knew just what came before them."""
    times = lesson.times[fresh]
    begins = float(times[len(times) // 2])
    judge = lesson.rows(lesson.times >= begins)
    if len(np.unique(judge.outcomes)) < 2:
        return None
    try:
        trial = fit(lesson.rows((lesson.known_at <= begins) & (lesson.times < begins)))
    except TooLittleToLearn:
        return None
    new = measured(trial.judge(judge.table), judge.outcomes)
    old = measured(champion.judge(judge.table), judge.outcomes)
    contest = {"rows": len(judge), "new": new, "in_use": old}
    better = new["brier"] <= old["brier"] + _BRIER_ROOM and new["auc"] >= old["auc"] - _AUC_ROOM
    told = f"Brier {new['brier']:.3f} after {old['brier']:.3f}, AUC {new['auc']:.3f} after {old['auc']:.3f}"
    if not better:
        return Verdict(_stamped(trial, lesson, today, contest=contest), False, f"Worse on the newest clocks: {told}.")
    estimator = _stamped(fit(lesson), lesson, today, contest=contest)
    return Verdict(estimator, True, f"Not worse on the newest clocks: {told}.")


def _set_right(lesson: Lesson, champion: Estimator, today: float) -> Verdict | None:
    """Fit the calibrator of the one in use to the last weeks, where that keeps promises no worse on the newest."""
    window = lesson.rows(lesson.known_at > today - WINDOW)
    if len(window) < _LEAST_WINDOW or len(np.unique(window.outcomes)) < 2:
        return None
    earlier, newest = np.arange(len(window)) < len(window) * 3 // 4, np.arange(len(window)) >= len(window) * 3 // 4
    before, after = window.rows(earlier), window.rows(newest)
    trial = champion.recalibrated(before.table, before.outcomes)
    new = measured(trial.judge(after.table), after.outcomes)
    old = measured(champion.judge(after.table), after.outcomes)
    figures = champion.figures | {"calibrated": today, "window": {"rows": len(window), "new": new, "in_use": old}}
    if new["brier"] > old["brier"]:
        told = "Its promises are kept as well without."
        return Verdict(replace(champion, figures=figures), True, f"The same trees and the same promises. {told}")
    estimator = champion.recalibrated(window.table, window.outcomes)
    figures["calibration"] = estimator.calibrator.kind
    told = f"Brier {new['brier']:.3f} after {old['brier']:.3f}"
    return Verdict(replace(estimator, figures=figures), True, f"The same trees, set right by the last weeks: {told}.")


def _stamped(estimator: Estimator, lesson: Lesson, today: float, **more: Any) -> Estimator:
    """Note what it has learnt from, and when its promises were set right."""
    figures = estimator.figures | {"until": float(lesson.times[-1]), "calibrated": today, **more}
    return replace(estimator, figures=figures)
