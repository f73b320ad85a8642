from __future__ import annotations

import numpy as np
import pytest

from helpdesk.kb.gaps.clusters import (
    BY_WORDS,
    Closeness,
    by_vectors,
    clusters_of,
    similarities_of_vectors,
    similarities_of_words,
    typical_of,
)

BADGE = [
    "How do I get a new badge for the parking garage?",
    "My badge does not open the parking garage",
    "Parking garage badge lost, how to order another",
]
CANTEEN = [
    "Where can I see the menu of the canteen?",
    "Is the canteen menu for next week online?",
    "canteen menu vegetarian",
]
NOISE = ["The coffee machine leaks", "Please rename my laptop", "Invoice 4711 has the wrong sum"]


def _directions(*angles_deg: float) -> np.ndarray:
    angles = np.radians(angles_deg)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_different_subjects_come_out_apart_and_what_stands_alone_stays_out() -> None:
    texts = [*BADGE, *CANTEEN, *NOISE]
    clusters = clusters_of(similarities_of_words(texts), BY_WORDS)
    assert sorted(map(sorted, clusters)) == [[0, 1, 2], [3, 4, 5]]


def test_a_chain_of_alike_questions_does_not_join_its_ends() -> None:
    # Each is 25 degrees from the next, cosine .91; the ends are 75 apart, cosine .26.
    similarity = similarities_of_vectors(_directions(0, 25, 50, 75))
    clusters = clusters_of(similarity, Closeness(0.6, "complete"))
    assert sorted(map(sorted, clusters)) == [[0, 1], [2, 3]]


def test_the_most_typical_question_is_the_one_in_the_middle() -> None:
    similarity = similarities_of_vectors(_directions(0, 10, 30, 170))
    assert typical_of(similarity, [0, 1, 2], most=2) == [1, 0]


@pytest.mark.parametrize("texts", [[], ["one"], ["", ""], ["the and", "of a"]])
def test_hardly_any_questions_make_no_cluster(texts: list[str]) -> None:
    assert clusters_of(similarities_of_words(texts), BY_WORDS) == []


def test_a_model_that_nothing_was_measured_for_is_judged_by_its_ordinary_pairs() -> None:
    random = np.random.default_rng(5)
    vectors = random.normal(size=(60, 32)) + 4.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = similarities_of_vectors(vectors.astype(np.float32))
    closeness = by_vectors(similarity, model="some-model:latest")
    assert float(np.median(similarity)) < closeness.least < 1.0
    assert clusters_of(similarity, closeness) == []
    assert by_vectors(similarity, model="all-minilm:latest").least == 0.5
    # Of a handful no pair can be called ordinary.
    assert by_vectors(similarity[:5, :5], model="some-model").least == 0.95
