from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpdesk.triage.classifying.features import WIDTH, inverse_document_frequencies, terms_of, weigh
from helpdesk.triage.classifying.training import Example, train
from tests.unit.triage.kinds import TOPICS, WORDS, example_of, examples_of, train_on, two_kinds, vector_of


def test_what_was_learnt_predicts_new_texts() -> None:
    learnt = train_on(two_kinds(60))
    for label, words in WORDS.items():
        given = learnt.predict(vector=vector_of(label, 999), terms=terms_of(words))["category"]
        assert max(given, key=lambda name: given[name]) == label
        assert sum(given.values()) == pytest.approx(1)


def test_training_twice_gives_the_same() -> None:
    asked = {"vector": vector_of("printer", 99), "terms": terms_of("the printer")}
    first, second = train_on(two_kinds(40)), train_on(two_kinds(40))
    assert first.predict(**asked) == second.predict(**asked)


def test_a_text_without_a_vector_is_judged_by_its_words() -> None:
    given = train_on(two_kinds(60)).predict(vector=None, terms=terms_of(WORDS["printer"]))["category"]
    assert given["printer"] > 0.6


def test_texts_without_vectors_teach_by_their_words() -> None:
    learnt = train_on([replace(one, vector=None) for one in two_kinds(40)])
    found = learnt.assess(vector=vector_of("printer", 1), terms=terms_of(WORDS["printer"]))["category"]
    assert learnt.memory is None
    assert found.chances["printer"] > 0.6
    assert found.known


def test_some_texts_without_vectors_do_no_harm() -> None:
    mixed = [replace(one, vector=None) if number % 3 == 0 else one for number, one in enumerate(two_kinds(90))]
    given = train_on(mixed).predict(vector=vector_of("network", 500), terms=terms_of(WORDS["network"]))["category"]
    assert given["network"] > 0.6


def test_too_few_labels_teach_nothing() -> None:
    assert train_on(two_kinds(19)).fields == {}
    assert train_on([]).fields == {}


def test_one_label_alone_is_no_choice() -> None:
    assert train_on([example_of("printer", number) for number in range(40)]).fields == {}


def test_empty_texts_are_learnt_from_and_judged() -> None:
    blank = [replace(one, terms=terms_of("")) for one in two_kinds(40)]
    found = train_on(blank).assess(vector=vector_of("printer", 7), terms=terms_of(""))["category"]
    assert sum(found.chances.values()) == pytest.approx(1)
    nothing = train_on([replace(one, vector=None) for one in blank]).assess(vector=None, terms=terms_of(""))["category"]
    assert nothing.chances["printer"] == pytest.approx(0.5, abs=0.1)


def test_descriptions_stand_in_while_there_are_few_labels() -> None:
    anchors = {"printer": vector_of("printer", 1), "network": vector_of("network", 2)}
    learnt = train([], fields=("category",), anchors={"category": anchors}, embedding="", basis="")
    found = learnt.assess(vector=anchors["printer"], terms=terms_of(""))["category"]
    assert found.chances["printer"] > 0.5
    assert set(found.set_of) == {"printer", "network"}
    assert learnt.fields["category"].threshold_for("printer", 0.9) > 1
    assert learnt.predict(vector=None, terms=terms_of("printer"))["category"]["printer"] == pytest.approx(0.5)


def test_a_label_that_only_its_description_stands_for_can_be_predicted() -> None:
    anchors = {"phone": np.eye(8, dtype=np.float32)[7]}
    learnt = train(two_kinds(60), fields=("category",), anchors={"category": anchors}, embedding="", basis="")
    assert learnt.fields["category"].labels == ("network", "phone", "printer")
    near = learnt.predict(vector=anchors["phone"], terms=terms_of("a new handset"))["category"]
    far = learnt.predict(vector=vector_of("printer", 3), terms=terms_of("a new handset"))["category"]
    assert near["phone"] > far["phone"]


def test_a_label_with_one_example_does_no_harm() -> None:
    odd = Example(terms_of("odd thing"), vector_of("printer", 5), {"category": "odd"}, {})
    learnt = train_on([*two_kinds(40), odd])
    assert learnt.fields["category"].labels == ("network", "odd", "printer")
    given = learnt.predict(vector=vector_of("printer", 50), terms=terms_of(WORDS["printer"]))["category"]
    assert max(given, key=lambda name: given[name]) == "printer"


def test_a_correction_outweighs_what_it_corrects() -> None:
    contested = terms_of("the same words")
    old = [Example(contested, vector_of("printer", 1), {"category": "printer"}, {}) for _ in range(12)]
    new = [Example(contested, vector_of("printer", 1), {"category": "network"}, {"category": 3.0}) for _ in range(12)]
    given = train_on([*old, *new]).predict(vector=vector_of("printer", 1), terms=contested)["category"]
    assert given["network"] == pytest.approx(0.75, abs=0.1)


def test_each_field_learns_from_the_tickets_that_have_it() -> None:
    both = [
        replace(
            one, labels=dict(one.labels) | ({"tag:urgent": "yes" if number % 4 == 0 else "no"} if number < 50 else {})
        )
        for number, one in enumerate(two_kinds(80))
    ]
    learnt = train(both, fields=("category", "tag:urgent", "team"), anchors={}, embedding="", basis="")
    assert {name: model.examples for name, model in learnt.fields.items()} == {"category": 80, "tag:urgent": 50}


def test_probabilities_keep_what_they_promise_on_tickets_it_has_not_seen() -> None:
    learnt, fresh = train_on(examples_of(240, noise=1.2)), examples_of(400, noise=1.2, seed=1)
    found = [learnt.predict(vector=one.vector, terms=one.terms)["category"] for one in fresh]
    right = np.mean(
        [
            max(given, key=lambda name: given[name]) == one.labels["category"]
            for given, one in zip(found, fresh, strict=True)
        ]
    )
    promised = np.mean([max(given.values()) for given in found])
    assert 0.3 < right < 0.95
    assert promised == pytest.approx(right, abs=0.08)


def test_sets_hold_the_right_label_as_often_as_they_promise() -> None:
    learnt, fresh = train_on(examples_of(300, noise=1.0)), examples_of(400, noise=1.0, seed=2)
    found = [learnt.assess(vector=one.vector, terms=one.terms)["category"].set_of for one in fresh]
    held = np.mean([one.labels["category"] in chosen for chosen, one in zip(found, fresh, strict=True)])
    assert held > 0.9
    assert np.mean([len(chosen) for chosen in found]) < len(TOPICS)


def test_few_examples_never_open_the_way_to_setting_values() -> None:
    model = train_on(two_kinds(40)).fields["category"]
    assert model.figures["accuracy"] > 0.9
    assert model.threshold_for("printer", 0.95) > 1
    assert model.threshold_for("no such label", 0.5) > 1


def test_enough_examples_do() -> None:
    model = train_on(two_kinds(240)).fields["category"]
    assert 0.5 <= model.threshold_for("printer", 0.9) < 1
    assert model.threshold_for("printer", 0.8) <= model.threshold_for("printer", 0.9)


def test_a_topic_it_has_never_met_is_unknown() -> None:
    taught = [one for one in examples_of(300) if one.labels["category"] != "payroll"]
    strange = [one for one in examples_of(120, seed=3) if one.labels["category"] == "payroll"]
    usual = [one for one in examples_of(120, seed=4) if one.labels["category"] != "payroll"]
    learnt = train_on(taught)
    assert sum(_knows(learnt, one) for one in strange) <= len(strange) * 0.2
    assert sum(_knows(learnt, one) for one in usual) >= len(usual) * 0.85
    assert learnt.fields["category"].figures["unknown_auc"] > 0.9


def test_tickets_that_fit_no_label_teach_what_is_unknown() -> None:
    examples = [
        replace(one, labels={}, fits_none=frozenset({"category"})) if one.labels["category"] == "payroll" else one
        for one in examples_of(300)
    ]
    learnt = train_on(examples)
    assert learnt.fields["category"].labels == tuple(sorted(set(TOPICS) - {"payroll"}))
    fresh = examples_of(200, seed=5)
    strange = [one for one in fresh if one.labels["category"] == "payroll"]
    usual = [one for one in fresh if one.labels["category"] != "payroll"]
    assert sum(_knows(learnt, one) for one in strange) <= len(strange) * 0.2
    assert sum(_knows(learnt, one) for one in usual) >= len(usual) * 0.85


def _knows(learnt: object, one: Example) -> bool:
    return bool(learnt.assess(vector=one.vector, terms=one.terms)["category"].known)  # type: ignore[attr-defined]


def test_terms_are_weighed_to_length_one_and_unknown_ones_count_for_nothing() -> None:
    known = terms_of("printer jams")
    idf = inverse_document_frequencies([known, terms_of("printer works")])
    assert idf.shape == (WIDTH,)
    assert float(np.linalg.norm(weigh(known, idf))) == pytest.approx(1)
    assert float(np.linalg.norm(weigh(terms_of("zzz"), idf))) == 0
