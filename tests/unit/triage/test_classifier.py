from __future__ import annotations

import io

import numpy as np
import pytest

from helpdesk.triage.classifying import classifier as module
from helpdesk.triage.classifying.classifier import WeightsDamaged, read_classifier, write_classifier
from helpdesk.triage.classifying.features import terms_of
from helpdesk.triage.classifying.training import train
from tests.unit.triage.kinds import examples_of, train_on, two_kinds, vector_of


def test_a_classifier_survives_being_written() -> None:
    learnt = train_on(examples_of(120))
    again = read_classifier(write_classifier(learnt))
    assert again is not None
    assert (again.embedding, again.basis, again.examples) == ("digest", "labels", 120)
    assert again.figures == learnt.figures
    assert again.fields["category"].figures == learnt.fields["category"].figures
    for one in examples_of(12, seed=9):
        before = learnt.assess(vector=one.vector, terms=one.terms)["category"]
        after = again.assess(vector=one.vector, terms=one.terms)["category"]
        assert after.chances == pytest.approx(before.chances, abs=0.02)
        assert after.familiar == pytest.approx(before.familiar, abs=0.05)
        without = again.predict(vector=None, terms=one.terms)["category"]
        assert without == pytest.approx(learnt.predict(vector=None, terms=one.terms)["category"], abs=0.02)
    for label in again.fields["category"].labels:
        assert again.fields["category"].threshold_for(label, 0.8) == learnt.fields["category"].threshold_for(label, 0.8)


def test_descriptions_alone_survive_being_written() -> None:
    anchors = {"printer": vector_of("printer", 1), "network": vector_of("network", 2)}
    learnt = train([], fields=("category",), anchors={"category": anchors}, embedding="", basis="")
    again = read_classifier(write_classifier(learnt))
    assert again is not None
    asked = {"vector": anchors["network"], "terms": terms_of("")}
    assert again.predict(**asked)["category"] == pytest.approx(learnt.predict(**asked)["category"], abs=0.01)


def test_a_text_may_have_no_vector_or_words_it_never_met() -> None:
    learnt = train_on(two_kinds(60))
    for terms in (terms_of(""), terms_of("zzz qqq")):
        for vector in (None, vector_of("printer", 3), np.zeros(8, dtype=np.float32)):
            found = learnt.assess(vector=vector, terms=terms)["category"]
            assert sum(found.chances.values()) == pytest.approx(1)
            assert 0 <= found.familiar <= 1
            assert found.set_of


@pytest.mark.parametrize("name", ["tag:a/b", "../up", "tag:ü ö", "0"])
def test_a_field_may_have_any_name(name: str) -> None:
    examples = [type(one)(one.terms, one.vector, {name: one.labels["category"]}, {}) for one in two_kinds(40)]
    learnt = train(examples, fields=(name,), anchors={}, embedding="", basis="")
    again = read_classifier(write_classifier(learnt))
    assert again is not None
    assert again.fields[name].labels == ("network", "printer")


def test_damaged_weights_are_named() -> None:
    whole = write_classifier(train_on(two_kinds(40)))
    for damaged in (b"", b"no weights", whole[: len(whole) // 2], whole[100:], whole[:200] + b"????" + whole[204:]):
        with pytest.raises(WeightsDamaged, match="trained anew"):
            read_classifier(damaged)


def test_weights_without_all_their_arrays_are_named() -> None:
    with np.load(io.BytesIO(write_classifier(train_on(two_kinds(40))))) as arrays:
        some = {name: arrays[name] for name in arrays.files if not name.endswith("cuts")}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **some)
    with pytest.raises(WeightsDamaged):
        read_classifier(file.getvalue())


def test_pickled_arrays_are_refused() -> None:
    file = io.BytesIO()
    np.savez(file, about=np.array([{"format": module.FORMAT}], dtype=object))
    with pytest.raises(WeightsDamaged):
        read_classifier(file.getvalue())


def test_the_weights_of_another_version_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_classifier(train_on(two_kinds(40)))
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    assert read_classifier(written) is None
