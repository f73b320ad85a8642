from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import numpy as np

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.profiles import profile_of, same_space
from helpdesk.rag.embedding.spaces import made_by, model_of
from helpdesk.rag.model_change.gate import Figures, judge
from helpdesk.rag.model_change.golden import GoldenQuery
from helpdesk.rag.retrieval.query import SearchQuery

ORGANIZATION: UUID = uuid4()
BEFORE = Figures(0.90, 0.95, 0.80, 0.85, 20.0, 40.0)
QUERIES = [
    GoldenQuery(ORGANIZATION, "vpn", frozenset({(SourceType.KB, uuid4())}), judged=True),
    GoldenQuery(ORGANIZATION, "printer", frozenset({(SourceType.KB, uuid4())})),
]


def objections(new: Figures, before: Figures | None = BEFORE, *, epsilon: float = 0.02) -> list[str]:
    return judge(QUERIES, new=new, before=before, epsilon=epsilon, why_not="it is gone").objections


def test_a_model_that_is_as_good_within_epsilon_passes() -> None:
    assert objections(BEFORE) == []
    assert objections(replace(BEFORE, ndcg10=0.881, nearest_recall10=0.84)) == []
    verdict = judge(QUERIES, new=BEFORE, before=BEFORE, epsilon=0.02)
    assert (verdict.queries, verdict.judged) == (2, 1)


def test_a_model_that_does_worse_in_anything_is_told_in_what() -> None:
    assert objections(replace(BEFORE, ndcg10=0.87)) == ["nDCG@10 falls from 0.900 to 0.870."]
    # Words can hide what has become of the vectors.
    assert objections(replace(BEFORE, nearest_recall10=0.2)) == [
        "Recall@10 of the vectors alone falls from 0.850 to 0.200."
    ]
    assert objections(replace(BEFORE, ndcg10=0.87), epsilon=0.05) == []


def test_a_model_whose_queries_are_felt_to_be_slower_is_told_so() -> None:
    assert objections(replace(BEFORE, ms_p95=250.0)) == []
    assert objections(replace(BEFORE, ms_p95=900.0)) == ["A query takes 900 ms instead of 40 ms (95th centile)."]


def test_an_active_model_that_cannot_be_asked_is_an_objection() -> None:
    assert objections(BEFORE, None) == ["The active model cannot be compared with: it is gone"]


def test_a_vector_keeps_its_model_in_parts_and_copies_and_a_query_stays_with_it() -> None:
    vectors = made_by(7, np.eye(3, dtype=np.float32))
    assert (model_of(vectors[0]), model_of(vectors[1].copy()), model_of(np.eye(3, dtype=np.float32))) == (7, 7, None)
    assert SearchQuery(text="vpn", vector=vectors[0]).model_id == 7
    assert SearchQuery(text="vpn", vector=vectors[0], model_id=8).model_id == 8
    assert SearchQuery(text="vpn").model_id is None


def test_profiles_go_by_the_bare_name() -> None:
    for name in ("nomic-embed-text", "nomic-embed-text:v1.5", "hub.example/them/nomic-embed-text:latest@256"):
        assert profile_of(name).query_prefix == "search_query: "
    assert profile_of("unheard-of").query_prefix == ""
    assert same_space("a", "a")
    assert not same_space("a", "a@128")
