from __future__ import annotations

import numpy as np
import pytest

from helpdesk.rag.embedding.halfvec import write_vector
from helpdesk.rag.graph.likeness import background_of, cuts_above


def test_the_cuts_lie_between_unrelated_and_identical_whatever_the_models_scale() -> None:
    wide, narrow = cuts_above(0.1), cuts_above(0.8)
    assert (wide.alike, wide.same) == (pytest.approx(0.55), pytest.approx(0.802))
    assert (narrow.alike, narrow.same) == (pytest.approx(0.9), pytest.approx(0.956))
    for cuts in (wide, narrow, cuts_above(0.99)):
        assert cuts.alike < cuts.same < 1


def test_the_background_is_the_mean_similarity_of_all_pairs() -> None:
    numbers = np.random.default_rng(7).normal(size=(40, 16)) + 1.0
    vectors = (numbers / np.linalg.norm(numbers, axis=1, keepdims=True)).astype(np.float32)
    background, pairs = background_of([write_vector(vector) for vector in vectors]) or (0.0, 0)
    similar = [float(vectors[a] @ vectors[b]) for a in range(40) for b in range(a)]
    assert background == pytest.approx(np.mean(similar), abs=1e-4)
    assert pairs == len(similar)


def test_a_handful_of_tickets_tells_nothing_of_a_models_scale() -> None:
    assert background_of([write_vector(np.array([1.0, 0.0], np.float32))] * 19) is None
