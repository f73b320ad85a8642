"""Fit an estimator to rows in the order of time, choosing by what was newer than what it had learnt from.

A base rate that drifts asks for two things. Old rows count less: how much less is chosen on the newest rows, each
judged by trees that had learnt from earlier ones only. And those same judgements, made forward in time as all later
ones will be, are what the calibrator is fitted to, so that it also makes up for the lag that learning from the past
has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from helpdesk.measures.calibration import brier, calibration_error
from helpdesk.measures.ranking import auc, average_precision
from helpdesk.sla.prediction.estimating.calibration import choose_calibrator, fit_calibrator, sigmoid
from helpdesk.sla.prediction.estimating.encoding import Encoder, learn_encoder
from helpdesk.sla.prediction.estimating.estimator import Estimator
from helpdesk.sla.prediction.estimating.table import Floats, Lesson
from helpdesk.sla.prediction.estimating.trees import ROUNDS, Trees, grow

FOLDS = 4
# The share of the rows, the newest, that the folds are made of.
_JUDGED = 0.4
# By how many of them, the newest, the decay is chosen.
_CHOOSING = 2
# Half-lives of a row's weight as shares of the lesson's time; None counts all alike.
DECAYS: tuple[float | None, ...] = (None, 0.5, 0.2)
# What forgetting faster has to gain in the Brier score.
_LEAST_GAIN = 0.001
_LEAST_TO_LEARN = 50

Progress = Callable[[str, int, int], None]


class TooLittleToLearn(Exception):
    """The rows are too few, or all have the same outcome."""


def fit(lesson: Lesson, *, rounds: int = ROUNDS, progress: Progress | None = None) -> Estimator:
    """Fit an estimator; the same lesson gives the same estimator.

    Args:
        progress: is told what is done, how much of it, and of how much.

    Returns:
        An estimator whose figures tell, on the newest fold, judged without having seen it: `auc`,
        `average_precision`, `brier` and `calibration_error`, how many `rows` that were and the `rate` among them, the
        chosen `half_life` (share of the lesson's time), the kind of `calibration` and the `library`.

    Raises:
        TooLittleToLearn: fewer than 50 rows, or all have the same outcome.
    """
    if len(lesson) < _LEAST_TO_LEARN or len(np.unique(lesson.outcomes)) < 2:
        raise TooLittleToLearn
    tell = progress or _silent
    parts = [part for part in _folds(lesson) if _teaches(part[0])]
    encoded = [learn_encoder(earlier) for earlier, _ in parts]
    outcomes = [newer.outcomes for _, newer in parts]
    total = max(0, len(parts) - _CHOOSING) + len(DECAYS) * min(len(parts), _CHOOSING) + 1
    judged: dict[tuple[float | None, int], Floats] = {}

    def judge(decay: float | None, place: int) -> Floats:
        """Judge a fold by trees that knew what came before it."""
        if (decay, place) not in judged:
            (earlier, newer), (encoder, rows) = parts[place], encoded[place]
            trees = _grow(encoder, rows, earlier, decay, rounds)
            judged[decay, place] = sigmoid(trees.margins(encoder.apply(newer.table)))
            tell("growing trees", len(judged), total)
        return judged[decay, place]

    newest = range(len(parts))[-_CHOOSING:]
    decay = _best({one: _loss([(judge(one, place), outcomes[place]) for place in newest]) for one in DECAYS})
    encoder, rows = learn_encoder(lesson)
    folds = [(judge(decay, place), came) for place, came in enumerate(outcomes)]
    trees = _grow(encoder, rows, lesson, decay, rounds)
    tell("growing trees", total, total)
    calibrator = choose_calibrator(folds)
    figures: dict[str, Any] = {"half_life": decay, "calibration": calibrator.kind, "library": trees.library}
    if folds:
        figures |= _figures(folds, calibrator.kind)
    return Estimator(encoder, trees, calibrator, len(lesson), figures)


def _folds(lesson: Lesson) -> Iterator[tuple[Lesson, Lesson]]:
    """Yield for each of the newest folds what was known when it began, and the fold; the oldest first."""
    size = int(len(lesson) * _JUDGED / FOLDS)
    for place in range(FOLDS, 0, -1):
        first = len(lesson) - place * size
        begins = lesson.times[first]
        known = lesson.rows((lesson.known_at <= begins) & (lesson.times < begins))
        newer = (lesson.times >= begins) & (np.arange(len(lesson)) < first + size)
        yield known, lesson.rows(newer)


def _teaches(lesson: Lesson) -> bool:
    return len(lesson) >= _LEAST_TO_LEARN // 2 and len(np.unique(lesson.outcomes)) == 2


def _grow(encoder: Encoder, rows: Floats, lesson: Lesson, decay: float | None, rounds: int) -> Trees:
    weights = np.ones(len(lesson))
    if decay is not None:
        span = max(float(lesson.times[-1] - lesson.times[0]), 1e-9)
        weights = 0.5 ** ((lesson.times[-1] - lesson.times) / (decay * span))
    return grow(rows, lesson.outcomes, weights, native=encoder.native, rounds=rounds)


def _best(losses: dict[float | None, float]) -> float | None:
    """Return the slowest decay that is hardly worse than the best one: what is forgotten is lost."""
    least = min(losses.values(), default=0.0)
    return next((decay for decay in DECAYS if losses.get(decay, np.inf) <= least + _LEAST_GAIN), None)


def _loss(folds: list[tuple[Floats, Floats]]) -> float:
    """Return the mean Brier score, a fold counting twice as much as the one before it."""
    losses = [brier(promised, came) for promised, came in folds]
    return float(np.average(losses, weights=2.0 ** np.arange(len(losses)))) if losses else 0.0


def _figures(folds: list[tuple[Floats, Floats]], kind: str) -> dict[str, Any]:
    """Judge the newest fold with a calibrator that was fitted to the others."""
    promised, came = folds[-1]
    earlier = folds[:-1]
    if earlier:
        before, known = np.concatenate([one for one, _ in earlier]), np.concatenate([one for _, one in earlier])
        promised = fit_calibrator(kind, before, known, np.ones(len(known))).apply(promised)
    return {**measured(promised, came), "rows": len(came), "rate": float(came.mean())}


def measured(promised: Floats, came: Floats) -> dict[str, float]:
    """Return AUC, average precision, Brier score and calibration error of promises."""
    return {
        "auc": auc(promised, came),
        "average_precision": average_precision(promised, came),
        "brier": brier(promised, came),
        "calibration_error": calibration_error(promised, came),
    }


def _silent(_what: str, _done: int, _of: int) -> None:
    """Tell nobody."""
