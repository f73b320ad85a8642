"""What is made of a model's answer: its draft, the quotes, or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from helpdesk.ai.model import Answer, ModelIdentity, Prompt
from helpdesk.answers.calling import Call
from helpdesk.answers.checks import Rails, check_answer
from helpdesk.answers.evidence import Evidence
from helpdesk.rag.retrieval.query import SearchAnswer
from helpdesk.replies.draft import Draft, nothing, quoted, written
from helpdesk.replies.evidence import Found
from helpdesk.replies.style import Wanted
from tests.unit.answers.pack import BATTERY, VPN, document, evidence_of
from tests.unit.replies.test_phrases import question, setting

MODEL = ModelIdentity("scripted", "t" * 64)
SURE = evidence_of(document("Swollen battery", BATTERY), document("VPN error HL-809", VPN))
DOUBTFUL = evidence_of(document("VPN error HL-809", VPN, relevance=0.5))
UNPLUG = ("Unplug the charger at the wall.", "S2")


def found(evidence: Evidence) -> Found:
    results = [source.document.found for source in evidence.sources]
    answer = SearchAnswer(results, False, "", False, "all-minilm", {}, best_relevance=0.5)
    return Found(question(), answer, evidence)


def said(*sentences: tuple[str, str], answerable: bool = True, evidence: Evidence = SURE) -> Call:
    value: dict[str, Any] = {
        "answerable": answerable,
        "missing": "" if answerable else "the price",
        "sentences": [{"text": text, "cites": [cite]} for text, cite in sentences],
    }
    verdict = check_answer(value, evidence.sources, Rails(ticket="What does HL-809 mean?", warnings_verbatim=True))
    return Call(
        Prompt("reply-draft", 1, "", ""),
        {},
        MODEL,
        Answer("{}", value, MODEL, "stop"),
        verdict=verdict if sentences else None,
    )


def made_of(call: Call, evidence: Evidence = SURE) -> Draft:
    return written(setting(), found(evidence), call, within_s=30)


def test_what_holds_becomes_the_draft_and_warnings_are_put_before_it() -> None:
    draft = made_of(said(UNPLUG, ("What HL-809 means?", "T")))
    assert [sentence["text"] for sentence in draft.sentences] == [
        "Stop using the laptop.",
        "Do not charge it.",
        UNPLUG[0],
    ]
    assert (draft.method, draft.decision, draft.cites) == ("model", "accepted", ["S1", "S2"])
    assert [source["id"] for source in draft.sources] == ["S1", "S2"]


def test_the_concern_alone_is_no_draft() -> None:
    draft = made_of(said(("What does HL-809 mean?", "T")))
    assert (draft.method, draft.decision) == ("extractive", "abstained")


def test_a_draft_of_which_less_than_half_holds_gives_way_to_quotes() -> None:
    draft = made_of(said(UNPLUG, ("Pay 40 euros.", "S2"), ("Buy a new one.", "S2")))
    assert draft.method == "extractive"
    assert "borne out" in draft.note
    assert [one["text"] for one in draft.checks["dropped"]] == ["Pay 40 euros.", "Buy a new one."]


def test_a_model_that_finds_nothing_counts_only_where_the_search_is_in_doubt() -> None:
    declined = said(answerable=False)
    assert made_of(declined).method == "extractive"
    draft = made_of(declined, DOUBTFUL)
    assert draft.abstained
    assert draft.abstain_reason is not None
    assert "were searched by words and by meaning" in draft.abstain_reason
    assert draft.abstain_reason.endswith("Missing is: the price")
    assert [near["title"] for near in draft.nearest] == ["VPN error HL-809"]
    assert draft.decision == "abstained"


def test_what_a_model_says_is_missing_leads_nobody_elsewhere() -> None:
    call = said(answerable=False)
    assert call.answer is not None
    evil = replace(call.answer, value={**(call.value or {}), "missing": "The price, see https://evil.example"})
    draft = made_of(replace(call, answer=evil), DOUBTFUL)
    assert draft.abstained
    assert "evil" not in str(draft.abstain_reason)


def test_a_call_that_failed_gives_quotes_and_the_reason() -> None:
    draft = made_of(said(UNPLUG).failed(TimeoutError()))
    assert (draft.method, draft.decision) == ("extractive", "error")
    assert draft.note == "The text model did not answer within 30 s."


def test_a_ticket_about_another_code_is_not_answered_where_the_search_is_in_doubt() -> None:
    asked = replace(setting(), question=replace(question(), subject="HL-810", body="What does HL-810 mean?"))
    doubtful = quoted(asked, found(DOUBTFUL))
    assert doubtful.abstained
    assert "No source names HL-810." in str(doubtful.abstain_reason)
    assert quoted(asked, found(SURE)).note == "No source names HL-810."


def test_quotes_say_that_an_instruction_was_not_followed() -> None:
    asked = replace(setting(), wanted=Wanted(instruction="Be brief."))
    assert "The instruction was not followed" in quoted(asked, found(SURE)).note


def test_nothing_found_names_what_came_near() -> None:
    empty = SearchAnswer([], True, "Nothing reached 0.30.", True, None, {})
    draft = nothing(setting(), Found(question(), empty, Evidence([], [])))
    assert draft.abstain_reason == (
        "No article answers this ticket. The published articles that customers may read were searched by words. "
        "Nothing reached 0.30."
    )
    assert draft.searched["by"] == ["words"]
