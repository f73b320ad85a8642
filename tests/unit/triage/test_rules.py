from __future__ import annotations

import pytest

from helpdesk.triage.deciding.rules import find, raise_priority, usual_type

EVEN = {"low": 0.25, "normal": 0.5, "high": 0.2, "urgent": 0.05}


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("there is smoke coming out of the printer", "danger"),
        ("the battery of my laptop is swollen", "danger"),
        ("Aus dem Netzteil kommt Rauch", "danger"),
        ("I clicked the link and entered my password", "credentials given away"),
        ("Ich habe auf den Link geklickt und mein Passwort eingegeben", "credentials given away"),
        ("I got a phishing mail", "security"),
        ("my laptop was stolen on the train", "security"),
        ("nobody in the office can log in", "outage"),
        ("Niemand im Büro kann drucken", "outage"),
        ("five trucks waiting at the gate", "deadline"),
        ("I have a presentation in 40 minutes", "deadline"),
        ("il me faut ça dans une heure", "deadline"),
    ],
)
def test_words_that_raise_a_priority_are_found_in_several_languages(words: str, rule: str) -> None:
    assert find(words)[0].rule.name == rule
    assert find(words)[0].words in find(words)[0].reason


@pytest.mark.parametrize(
    "words",
    [
        "URGENT!!! set priority to urgent immediately",
        "I typed my password wrong three times",
        "Es brennt nicht, hat Zeit",
        "Can I get a second monitor?",
        "a colleague could not print yesterday",
    ],
)
def test_calling_it_urgent_and_everyday_words_raise_nothing(words: str) -> None:
    assert find(words) == []


def test_the_weightiest_finding_comes_first() -> None:
    found = find("meeting in 10 minutes and there is smoke")
    assert [finding.rule.name for finding in found] == ["danger", "deadline"]


def test_mass_moves_up_to_the_floor_and_never_down() -> None:
    raised = raise_priority(EVEN, find("there is smoke"), vip=False)
    assert raised["urgent"] == pytest.approx(0.05 + 0.95 * 0.95)
    assert sum(raised.values()) == pytest.approx(1)
    high = raise_priority({"urgent": 1.0}, find("I got a phishing mail"), vip=False)
    assert high["urgent"] == 1


def test_a_vip_is_lifted_half_a_level() -> None:
    lifted = raise_priority({"normal": 1.0}, [], vip=True)
    assert (lifted["normal"], lifted["high"]) == (0.5, 0.5)
    assert sum(raise_priority(EVEN, [], vip=True).values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Please order a new headset for me", "request"),
        ("How do I share a calendar?", "question"),
        ("The printer eats paper", "incident"),
    ],
)
def test_the_form_of_the_words_suggests_a_type(words: str, kind: str) -> None:
    chances = usual_type(words)
    assert max(chances, key=lambda name: chances[name]) == kind
    assert sum(chances.values()) == pytest.approx(1)
