"""Make a field's model: train its heads, weigh them, and learn from unseen tickets what their sum may promise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.measures.calibration import calibration_error
from helpdesk.measures.classes import accuracy, macro_f1
from helpdesk.measures.coverage import coverage_at
from helpdesk.triage.classifying.conformal import fit_cuts
from helpdesk.triage.classifying.familiarity import Familiarity, Tried, figures_of, fit_familiarity
from helpdesk.triage.classifying.field_model import FieldModel, Part
from helpdesk.triage.classifying.fitting import Rows
from helpdesk.triage.classifying.heads import AnchorHead, Head, log_softmax
from helpdesk.triage.classifying.temperature import fit_weights, keep_doubt
from helpdesk.triage.classifying.thresholds import fit_thresholds
from helpdesk.triage.classifying.unseen import fit_heads, leave_labels_out, score_unseen

# What the heads weigh until tickets tell.
_USUAL = {"words": 2.0, "net": 0.4, "near": 0.4, "anchors": 0.1}
_COVERED_AT = (0.90, 0.95, 0.98)


def calibrate(rows: Rows, anchors: AnchorHead | None) -> FieldModel:
    """Return the model of a field."""
    heads: dict[str, Head] = fit_heads(rows, np.ones(len(rows.targets), dtype=bool)).by_kind()
    unseen = score_unseen(rows)
    scores = dict(unseen.scores)
    if anchors is not None and rows.vectors is not None:
        heads["anchors"] = anchors
        scores["anchors"] = rows.vectors[unseen.rows] @ anchors.weights
    targets, weights = rows.targets[unseen.rows], rows.weights[unseen.rows]
    # Without a vector only the words have a say.
    whole = rows.has_vector[unseen.rows] if "net" in scores else np.ones(len(targets), dtype=bool)
    shares = dict(
        zip(
            scores,
            fit_weights(
                [score[whole] for score in scores.values()],
                targets[whole],
                weights[whole],
                usual=[_USUAL[kind] for kind in scores],
            ).tolist(),
            strict=True,
        )
    )
    blind = float(fit_weights([scores["words"]], targets, weights, usual=[_USUAL["words"]])[0])
    total = _weighed(scores, shares)[whole]
    labels, examples = len(rows.labels), int((rows.is_ticket & (rows.targets < len(rows.labels))).sum())
    known = targets[whole] < labels
    chances = keep_doubt(np.exp(log_softmax(total[known][:, :labels])), examples=examples)
    truth = targets[whole][known]
    familiarity = _familiarity(rows, shares, total, unseen.similarity[whole], known) if "near" in shares else None
    strength = sum(shares.values())
    return FieldModel(
        labels=rows.labels,
        # Neighbours also tell what is familiar, whatever their votes count.
        parts=tuple(Part(heads[kind], share / strength) for kind, share in shares.items() if share or kind == "near"),
        temperature=1 / strength,
        blind=blind,
        examples=examples,
        cuts=fit_cuts(chances, truth),
        thresholds=fit_thresholds(chances, truth),
        familiarity=familiarity,
        figures=_figures(chances, truth, examples)
        | {
            "shares": {kind: round(share / strength, 4) for kind, share in shares.items()},
            "temperature": round(1 / strength, 4),
            "unknown_auc": familiarity.tested if familiarity is not None else None,
        },
    )


def _weighed(scores: dict[str, NDArray[np.float32]], shares: dict[str, float]) -> NDArray[np.float64]:
    return np.asarray(sum(np.float64(share) * scores[kind] for kind, share in shares.items() if kind in scores))


def _familiarity(
    rows: Rows,
    shares: dict[str, float],
    total: NDArray[np.float64],
    similarity: NDArray[np.float32],
    known: NDArray[np.bool_],
) -> Familiarity:
    """Return what tells known texts from others, by tickets that fit no label or by labels left out."""
    figures = figures_of(similarity, total, labels=len(rows.labels))
    ours: list[NDArray[np.float64]] = []
    theirs: list[NDArray[np.float64]] = []
    for unseen, left_out, part in leave_labels_out(rows):
        found = figures_of(unseen.similarity, _weighed(unseen.scores, shares), labels=len(part.labels))
        ours.append(found[~left_out])
        theirs.append(found[left_out])
    tried = Tried(np.concatenate(ours), np.concatenate(theirs)) if ours else None
    return fit_familiarity(figures[known], tried, None if known.all() else figures[~known])


def _figures(chances: NDArray[np.float64], truth: NDArray[np.int64], examples: int) -> dict[str, Any]:
    """Return how the model did on tickets it had not seen."""
    chosen, surest = chances.argmax(axis=1), chances.max(axis=1)
    right = chosen == truth
    covered = {wanted: coverage_at(surest, right, wanted) for wanted in _COVERED_AT}
    return {
        "examples": examples,
        "tested": len(truth),
        "accuracy": round(accuracy(truth, chosen), 4),
        "macro_f1": round(macro_f1(truth, chosen), 4),
        "calibration_error": round(calibration_error(surest, right), 4),
        "coverage": {
            f"{wanted:.2f}": {"threshold": round(one.threshold, 4), "share": round(one.share, 4)}
            for wanted, one in covered.items()
        },
    }
