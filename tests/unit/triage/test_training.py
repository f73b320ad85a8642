from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from helpdesk.triage.classifying import training
from helpdesk.triage.classifying.classifier import keep_doubt, read_classifier, write_classifier
from helpdesk.triage.classifying.features import WIDTH, inverse_document_frequencies, terms_of, weigh
from helpdesk.triage.classifying.training import Example, calibration_error, train

WORDS = {"printer": "the printer jams paper in tray", "network": "vpn wifi connection drops timeout"}
DIMS = 8


def _vector(label: str, number: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(number).normal(scale=0.6, size=DIMS)
    noise[0] += 1 if label == "printer" else -1
    return np.asarray(noise / np.linalg.norm(noise), dtype=np.float32)


def _examples(count: int, **weights: float) -> list[Example]:
    examples = []
    for number in range(count):
        label = ("printer", "network")[number % 2]
        words = " ".join(WORDS[label].split()[number % 3 :])
        text = f"{words} number {number}"
        examples.append(Example(terms_of(text), _vector(label, number), {"category": label}, weights))
    return examples


def test_what_was_learnt_predicts_new_texts_and_survives_being_written() -> None:
    learnt = train(_examples(60), fields=("category",), anchors={}, embedding="digest", basis="labels")
    again = read_classifier(write_classifier(learnt))
    assert again is not None
    assert (again.embedding, again.basis, again.examples) == ("digest", "labels", 60)
    for label in WORDS:
        given = again.predict(vector=_vector(label, 999), terms=terms_of(WORDS[label]))["category"]
        before = learnt.predict(vector=_vector(label, 999), terms=terms_of(WORDS[label]))["category"]
        assert max(given, key=lambda name: given[name]) == label
        assert sum(given.values()) == pytest.approx(1)
        assert given == pytest.approx(before, abs=0.01)


def test_a_text_without_a_vector_is_judged_by_its_words() -> None:
    learnt = train(_examples(60), fields=("category",), anchors={}, embedding="", basis="")
    given = learnt.predict(vector=None, terms=terms_of(WORDS["printer"]))["category"]
    assert given["printer"] >= given["network"]


def test_too_few_labels_teach_nothing() -> None:
    assert train(_examples(19), fields=("category",), anchors={}, embedding="", basis="").fields == {}


def test_descriptions_stand_in_while_there_are_few_labels() -> None:
    anchors = {"printer": _vector("printer", 1), "network": _vector("network", 2)}
    learnt = train([], fields=("category",), anchors={"category": anchors}, embedding="", basis="")
    given = learnt.predict(vector=anchors["printer"], terms=terms_of(""))["category"]
    assert given["printer"] > 0.5


def test_a_label_with_one_example_does_no_harm() -> None:
    odd = Example(terms_of("odd thing"), _vector("printer", 5), {"category": "odd"}, {})
    learnt = train([*_examples(40), odd], fields=("category",), anchors={}, embedding="", basis="")
    assert learnt.fields["category"].labels == ("network", "odd", "printer")


def test_many_and_few_texts_are_trained_to_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = _examples(60)
    few = train(examples, fields=("category",), anchors={}, embedding="", basis="")
    monkeypatch.setattr(training, "_FEW_TEXTS", 10)
    many = train(examples, fields=("category",), anchors={}, embedding="", basis="")
    for label, words in WORDS.items():
        asked = {"vector": _vector(label, 77), "terms": terms_of(words)}
        assert many.predict(**asked)["category"] == pytest.approx(few.predict(**asked)["category"], abs=0.02)


def test_a_correction_outweighs_what_it_corrects() -> None:
    contested = terms_of("the same words")
    old = [Example(contested, _vector("printer", 1), {"category": "printer"}, {}) for _ in range(12)]
    new = [Example(contested, _vector("printer", 1), {"category": "network"}, {"category": 3.0}) for _ in range(12)]
    learnt = train([*old, *new], fields=("category",), anchors={}, embedding="", basis="")
    given = learnt.predict(vector=_vector("printer", 1), terms=contested)["category"]
    assert given["network"] == pytest.approx(0.75, abs=0.08)


def test_certainty_is_never_complete() -> None:
    assert keep_doubt(np.array([1.0, 0.0]), examples=98).tolist() == [0.99, 0.01]


def test_terms_are_weighed_to_length_one_and_unknown_ones_count_for_nothing() -> None:
    known = terms_of("printer jams")
    idf = inverse_document_frequencies([known, terms_of("printer works")])
    assert idf.shape == (WIDTH,)
    assert float(np.linalg.norm(weigh(known, idf))) == pytest.approx(1)
    assert float(np.linalg.norm(weigh(terms_of("zzz"), idf))) == 0


def test_the_calibration_error_is_the_gap_between_promise_and_accuracy() -> None:
    assert calibration_error(np.full(10, 0.9), np.array([True] * 5 + [False] * 5)) == pytest.approx(0.4)
