from __future__ import annotations

import pytest

from helpdesk.asking.question import Asked, leans_on_others, texts_to_search

VPN = "How do I install the HarborLink VPN on a Windows laptop?"
TICKET = "Scanner offline\n\nThe scanner at gate 4 shows no network since the update."


@pytest.mark.parametrize(
    "question",
    [
        "And on macOS?",
        "Does it work on macOS?",
        "What should I tell him?",
        "Und auf dem Mac?",
        "What about Linux clients and their certificate?",
        "Is that also true abroad?",
        "Et sur un Mac ?",
    ],
)
def test_a_question_that_goes_on_or_points_back_leans_on_others(question: str) -> None:
    assert leans_on_others(question)


@pytest.mark.parametrize(
    "question",
    [
        VPN,
        "HL-809?",
        "Wie setze ich das Passwort eines gesperrten Kontos zurück?",
        "How does a customer move the Authenticator to a new phone when it has been lost?",
        "Comment réinitialiser un mot de passe oublié ?",
    ],
)
def test_a_question_that_names_its_matter_stands_by_itself(question: str) -> None:
    assert not leans_on_others(question)


def test_a_question_that_stands_by_itself_is_searched_as_it_is() -> None:
    assert texts_to_search(Asked(VPN)) == [VPN]


def test_a_follow_up_is_searched_with_the_questions_back_to_one_that_stands_by_itself() -> None:
    asked = Asked("And which version?", history=("How do I scan to mail?", VPN, "And on macOS?"))
    assert texts_to_search(asked) == [f"{VPN}\nAnd on macOS?\nAnd which version?"]


def test_a_new_matter_within_a_conversation_is_searched_alone_first() -> None:
    other = "How long are deleted mails kept in KMail?"
    assert texts_to_search(Asked(other, history=(VPN,))) == [other, f"{VPN}\n{other}"]


def test_a_question_about_a_ticket_is_completed_by_its_words() -> None:
    assert texts_to_search(Asked("What can he try?"), ticket=TICKET) == [f"{TICKET}\nWhat can he try?"]


def test_the_conversation_says_more_than_the_ticket() -> None:
    asked = Asked("And on macOS?", history=(VPN,))
    assert texts_to_search(asked, ticket=TICKET) == [f"{VPN}\nAnd on macOS?"]
