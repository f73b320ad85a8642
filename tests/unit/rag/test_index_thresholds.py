from __future__ import annotations

import pytest

from helpdesk.rag.maintenance.thresholds import Holding, Limits, Step, ef_search_for, next_step

LIMITS = Limits(build_above=100, drop_below=50, stale_share=0.2)


@pytest.mark.parametrize(
    ("vectors", "indexed", "step"),
    [
        (100, None, Step.NOTHING),
        (101, None, Step.BUILD),
        (101, 101, Step.NOTHING),
        (50, 101, Step.NOTHING),
        (49, 101, Step.DROP),
        (0, 101, Step.DROP),
    ],
)
def test_an_index_comes_above_one_number_and_goes_below_another(vectors: int, indexed: int | None, step: Step) -> None:
    size = 10 * vectors if indexed else 0
    holding = Holding(vectors, vectors, indexed=indexed, built_bytes=10 * (indexed or 0), bytes=size)
    assert next_step(holding, LIMITS) is step


@pytest.mark.parametrize(("vectors", "step"), [(979, Step.NOTHING), (980, Step.BUILD)])
def test_a_model_on_its_way_gets_no_index_before_its_vectors_are_complete(vectors: int, step: Step) -> None:
    assert next_step(Holding(vectors, passages=1000, building=True), LIMITS) is step


@pytest.mark.parametrize(
    ("vectors", "size", "share"),
    [(1000, 1000, 0.0), (800, 1000, 0.2), (500, 1000, 0.5), (2000, 2000, 0.0), (2000, 1900, 0.0), (0, 1000, 1.0)],
)
def test_what_an_index_is_too_large_by_is_stale(vectors: int, size: int, share: float) -> None:
    holding = Holding(vectors, vectors, indexed=1000, built_bytes=1000, bytes=size)
    assert holding.stale_share == pytest.approx(share)
    expected = Step.DROP if vectors < 50 else Step.REBUILD if share > 0.2 else Step.NOTHING
    assert next_step(holding, LIMITS) is expected


@pytest.mark.parametrize(("vectors", "ef"), [(0, 200), (100_000, 200), (300_000, 600), (5_000_000, 1000)])
def test_the_larger_a_graph_is_the_more_thoroughly_it_is_searched(vectors: int, ef: int) -> None:
    assert ef_search_for(vectors) == ef
