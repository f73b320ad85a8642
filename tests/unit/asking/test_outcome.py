from __future__ import annotations

from typing import Any

from helpdesk.ai.model import Answer, ModelBusy, ModelIdentity, Prompt
from helpdesk.answers.calling import Call
from helpdesk.answers.checks import Rails, check_answer
from helpdesk.answers.standing import nearest_of
from helpdesk.asking.outcome import after_call, extractive, in_doubt
from tests.unit.answers.pack import BATTERY, VPN, document, evidence_of

MODEL = ModelIdentity("scripted", "t" * 64)
EVIDENCE = evidence_of(document("Swollen battery", BATTERY), document("VPN error HL-809", VPN))
DOUBTFUL = evidence_of(document("VPN error HL-809", VPN, relevance=0.5))


def call(value: dict[str, Any] | None, **changed: Any) -> Call:
    answer = None if value is None else Answer("{}", value, MODEL, "stop")
    verdict = None
    if value is not None and value["answerable"] and value["sentences"]:
        verdict = check_answer(value, EVIDENCE.sources, Rails())
    return Call(Prompt("ask-answer", 1, "", ""), {}, MODEL, answer, verdict=verdict, **changed)


def value(*sentences: tuple[str, str], answerable: bool = True, missing: str = "") -> dict[str, Any]:
    said = [{"text": text, "cites": [cite]} for text, cite in sentences]
    return {"answerable": answerable, "missing": missing, "sentences": said}


def test_quotes_keep_the_kind_and_number_of_what_they_quote() -> None:
    outcome = extractive(EVIDENCE)
    assert outcome.sentences[:3] == [
        {"text": "Stop using the laptop.", "cites": ["S1"], "kind": "warning", "number": None},
        {"text": "Do not charge it.", "cites": ["S1"], "kind": "warning", "number": None},
        {"text": "Unplug the charger at the wall.", "cites": ["S2"], "kind": "step", "number": 1},
    ]
    assert (outcome.method, outcome.abstained) == ("extractive", False)


def test_warnings_of_a_cited_document_are_added_and_those_of_others_are_not() -> None:
    outcome = after_call(call(value(("Unplug the charger at the wall.", "S2"))), EVIDENCE, within_s=1)
    assert outcome.method == "model"
    assert [sentence["text"] for sentence in outcome.sentences] == [
        "Unplug the charger at the wall.",
        "Stop using the laptop.",
        "Do not charge it.",
    ]


def test_an_answer_of_which_less_than_half_holds_gives_way_to_quotes() -> None:
    said = value(("Unplug the charger at the wall.", "S2"), ("Pay 40 euros.", "S2"), ("Buy a new one.", "S2"))
    outcome = after_call(call(said), EVIDENCE, within_s=1)
    assert outcome.method == "extractive"
    assert "borne out" in outcome.reason
    assert [dropped["text"] for dropped in outcome.dropped] == ["Pay 40 euros.", "Buy a new one."]


def test_a_call_that_failed_gives_quotes_and_the_reason() -> None:
    assert after_call(call(None, error=ModelBusy("away")), EVIDENCE, within_s=1).reason == "The text model is away."
    late = after_call(call(None, error=TimeoutError()), EVIDENCE, within_s=30)
    assert late.reason == "The text model did not answer within 30 s."
    assert late.method == "extractive"


def test_a_model_that_finds_nothing_counts_only_where_the_search_is_in_doubt() -> None:
    declined = call(value(answerable=False, missing="the price"))
    assert after_call(declined, EVIDENCE, within_s=1).method == "extractive"
    outcome = after_call(declined, DOUBTFUL, within_s=1)
    assert outcome.abstained
    assert outcome.reason == "The text model found no answer in the sources. Missing is: the price"
    assert [near["title"] for near in outcome.nearest] == ["VPN error HL-809"]


def test_nearest_are_documents_each_once() -> None:
    assert [near["title"] for near in nearest_of(EVIDENCE)] == ["Swollen battery", "VPN error HL-809"]


def test_an_answer_about_another_code_says_so_and_a_doubtful_one_is_not_given() -> None:
    sure = in_doubt(EVIDENCE, extractive(EVIDENCE), ["HL-810"])
    assert (sure.method, sure.reason) == ("extractive", "No source names HL-810.")
    doubtful = in_doubt(DOUBTFUL, extractive(DOUBTFUL), ["HL-810", "HL-811"])
    assert (doubtful.abstained, doubtful.reason) == (True, "No source names HL-810 or HL-811.")
    assert in_doubt(EVIDENCE, extractive(EVIDENCE), []).reason == ""
