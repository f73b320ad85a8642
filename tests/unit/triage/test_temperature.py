from __future__ import annotations

import numpy as np
import pytest

from helpdesk.measures.calibration import calibration_error
from helpdesk.triage.classifying.heads import log_softmax
from helpdesk.triage.classifying.temperature import fit_weights, keep_doubt


def _overconfident(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores three times as far apart as they should be, and the targets."""
    random = np.random.default_rng(seed)
    scores = random.normal(scale=1.2, size=(count, 4))
    targets = np.array([random.choice(4, p=np.exp(row)) for row in log_softmax(scores)])
    return (3 * scores).astype(np.float32), targets


def _error(scores: np.ndarray, targets: np.ndarray) -> float:
    given = np.exp(log_softmax(scores))
    return calibration_error(given.max(axis=1), given.argmax(axis=1) == targets)


def test_calibration_really_improves_on_fresh_tickets() -> None:
    scores, targets = _overconfident(3000, 1)
    [weight] = fit_weights([scores], targets, np.ones(3000), usual=[1.0])
    assert weight == pytest.approx(1 / 3, abs=0.04)
    fresh, truth = _overconfident(3000, 2)
    assert _error(fresh, truth) > 0.15
    assert _error(weight * fresh, truth) < 0.04


def test_a_head_that_knows_nothing_is_not_heard() -> None:
    scores, targets = _overconfident(3000, 3)
    noise = np.random.default_rng(4).normal(size=scores.shape).astype(np.float32)
    weights = fit_weights([scores, noise], targets, np.ones(3000), usual=[1.0, 1.0])
    assert weights[1] < 0.05


def test_a_handful_of_tickets_moves_the_usual_weights_little() -> None:
    scores, targets = _overconfident(5, 5)
    assert fit_weights([scores], targets, np.ones(5), usual=[1 / 3])[0] == pytest.approx(1 / 3, abs=0.2)


def test_certainty_is_never_complete() -> None:
    assert keep_doubt(np.array([1.0, 0.0]), examples=98) == pytest.approx([0.99, 0.01])
    many = keep_doubt(np.eye(77)[0], examples=770)
    assert many[0] == pytest.approx(771 / 772)
    assert many.sum() == pytest.approx(1)
    assert keep_doubt(np.eye(8)[0], examples=0)[0] < 0.8
    assert keep_doubt(np.array([1.0]), examples=5).tolist() == [1.0]
