from __future__ import annotations

import pytest

from helpdesk.models.ai_policy import ReplyPolicy
from helpdesk.replies.style import NOTHING_SPECIAL, Style, Wanted, style_of

USUAL = ReplyPolicy()


def test_a_request_goes_before_the_policy_and_the_policy_before_what_is_usual() -> None:
    policy = ReplyPolicy(tone="formal", length="long")
    assert style_of(NOTHING_SPECIAL, policy, languages=["de"], locale="en") == Style("formal", "long", "de")
    wanted = Wanted(tone="friendly", language="fr")
    assert style_of(wanted, policy, languages=["de"], locale="en") == Style("friendly", "long", "fr")


@pytest.mark.parametrize(
    ("languages", "locale", "language"),
    [((None, "de-AT"), "en", "de"), ((None, None), "nl", "nl"), (("it", "de"), "nl", "it"), ((None,), "", "en")],
)
def test_the_surest_language_counts(languages: tuple[str | None, ...], locale: str, language: str) -> None:
    style = style_of(NOTHING_SPECIAL, USUAL, languages=languages, locale=locale)
    assert (style.language, style.notes) == (language, ())


def test_a_language_without_phrases_becomes_english_with_a_note() -> None:
    style = style_of(NOTHING_SPECIAL, USUAL, languages=["pt-BR"], locale="de")
    assert style.language == "en"
    assert style.notes == ("The draft is not in the requester's language (pt): there are no phrases in it.",)


def test_an_organisation_that_does_not_write_english_falls_back_to_its_own_language() -> None:
    policy = ReplyPolicy(languages=["nl", "de"])
    style = style_of(NOTHING_SPECIAL, policy, languages=["fr"], locale="de")
    assert style.language == "de"
    assert "the organisation does not reply in that language" in style.notes[0]
    assert style_of(NOTHING_SPECIAL, policy, languages=["fr"], locale="it").language == "de"


def test_a_policy_of_languages_nobody_has_phrases_for_does_not_leave_the_desk_speechless() -> None:
    style = style_of(NOTHING_SPECIAL, ReplyPolicy(languages=["pl"]), languages=["pl"], locale="pl")
    assert style.language == "en"
