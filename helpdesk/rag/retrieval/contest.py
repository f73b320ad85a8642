"""Compare fitted weights with those in use, on queries that they were not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from helpdesk.rag.retrieval.fitting import (
    ENOUGH_FOR_ISOTONIC,
    FOLDS,
    Example,
    fit_kept,
    fit_own,
    log_loss,
    ndcg,
    promised_by,
)
from helpdesk.rag.retrieval.fitting_order import Floats
from helpdesk.rag.retrieval.fusion import bend
from helpdesk.rag.retrieval.fusion_weights import Weights

# With fewer new queries than this the contest is held over all of them.
LEAST_FRESH = 20
# A measure is worse when it is by more than this many standard errors of the queries' differences: with thirty queries
# one unlucky answer must not throw away what twenty-nine taught.
NOISE = 2.0
_ALIKE = 1e-4


@dataclass(frozen=True)
class Verdict:
    """The fitted weights, whether they win, and why."""

    weights: Weights
    promoted: bool
    reason: str
    metrics: dict[str, float]


def contest(examples: Sequence[Example], *, active: Weights, shipped: Weights, fresh: Sequence[bool]) -> Verdict:
    """Fit weights to all examples, and say whether they may take the place of the active ones.

    They are judged by weights fitted in the same way to four fifths of the queries, on the rest: nDCG@10 and log loss
    must both be no worse than the active weights' beyond the noise, and one better. Where the active weights were
    fitted to some of the queries, only those judged since then count, or they would be judged by what they have learnt
    by heart; while those are fewer than 20, all do, which is in their favour.

    Args:
        fresh: for each example, whether it was judged after the active weights were fitted.
    """
    held_out = _held_out(examples, shipped)
    chosen = [place for place, is_fresh in enumerate(fresh) if is_fresh]
    if len(chosen) < LEAST_FRESH:
        chosen = list(range(len(examples)))
    fitted = fit_own(examples, shipped=shipped)
    if len(examples) >= ENOUGH_FOR_ISOTONIC:
        bent = _bent(examples, held_out)
        fitted = replace(fitted, kept=fit_kept(examples, held_out))
        held_out = bent
    before = [promised_by(example, active) for example in examples]
    ranking, promise = (
        _compare(*([measure(examples[place], made[place]) for place in chosen] for made in (before, held_out)))
        for measure in (ndcg, log_loss)
    )
    promoted, reason = _decide(ranking, promise)
    metrics = {
        "ndcg_active": ranking.active,
        "ndcg_fitted": ranking.fitted,
        "log_loss_active": promise.active,
        "log_loss_fitted": promise.fitted,
        "queries": float(len(chosen)),
    }
    return Verdict(fitted, promoted, reason, metrics)


@dataclass(frozen=True)
class _Comparison:
    """Means of a measure for both, the fitted ones' gain, and the standard error of the gain."""

    active: float
    fitted: float
    gain: float
    error: float


def _compare(active: Sequence[float], fitted: Sequence[float]) -> _Comparison:
    gains = np.array(fitted) - np.array(active)
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    values = (np.mean(active), np.mean(fitted), gains.mean(), error)
    return _Comparison(*(round(float(value), 4) for value in values))


def _decide(ranking: _Comparison, promise: _Comparison) -> tuple[bool, str]:
    said = f"nDCG@10 {ranking.gain:+.4f}, log loss {promise.gain:+.4f}"
    if ranking.gain < -NOISE * ranking.error - _ALIKE:
        return False, f"The fitted weights rank worse: {said}."
    if promise.gain > NOISE * promise.error + _ALIKE:
        return False, f"The fitted weights promise worse: {said}."
    if max(ranking.gain, -promise.gain) <= _ALIKE:
        return False, f"The fitted weights are better at nothing: {said}."
    return True, f"The fitted weights are not worse, and better at one: {said}."


def _folds(examples: Sequence[Example]) -> list[int]:
    return [place % FOLDS for place in range(len(examples))]


def _held_out(examples: Sequence[Example], shipped: Weights) -> list[Floats]:
    """Return for each example what weights promise that were fitted without its fold."""
    folds = _folds(examples)
    found: list[Floats] = [np.zeros(0)] * len(examples)
    for fold in range(FOLDS):
        rest = [example for example, place in zip(examples, folds, strict=True) if place != fold]
        weights = fit_own(rest, shipped=shipped)
        for place, example in enumerate(examples):
            if folds[place] == fold:
                found[place] = promised_by(example, weights)
    return found


def _bent(examples: Sequence[Example], held_out: Sequence[Floats]) -> list[Floats]:
    """Return the promises as bent by what the promises of the other folds' queries kept."""
    folds = _folds(examples)
    bent = list(held_out)
    for fold in range(FOLDS):
        rest = [place for place in range(len(examples)) if folds[place] != fold]
        kept = fit_kept([examples[place] for place in rest], [held_out[place] for place in rest])
        for place in range(len(examples)):
            if folds[place] == fold:
                bent[place] = bend(held_out[place], kept)
    return bent
