from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from helpdesk.answers.checks import Statement
from helpdesk.answers.evidence import Evidence
from helpdesk.models.values import TicketStatus
from helpdesk.rag.questions import Question
from helpdesk.replies.composing import compose
from helpdesk.replies.phrases import PHRASES, Tone
from helpdesk.replies.setting import Setting
from helpdesk.replies.style import Style
from tests.unit.answers.pack import BATTERY, VPN, document, evidence_of

TONES: tuple[Tone, ...] = ("neutral", "friendly", "formal")
TOPIC = "Thank you for your message about “HL-809”."


def question(requester: str | None = "Kim Miller") -> Question:
    return Question(
        id=UUID(int=1),
        subject="HL-809",
        body="What does HL-809 mean?",
        later="",
        status=TicketStatus.OPEN,
        priority="normal",
        type="question",
        category=None,
        team=None,
        language="en",
        decided_by={},
        created_at=datetime(2026, 11, 2, tzinfo=UTC),
        requester=requester,
        requester_locale=None,
        vip=False,
        seen=None,
    )


def setting(language: str = "en", tone: Tone = "neutral", *, requester: str | None = "Kim Miller") -> Setting:
    return Setting(question(requester), Style(tone, "medium", language), signature="The desk")


def quotes(evidence: Evidence) -> list[Statement]:
    return [Statement(quote.unit.text, (quote.source.id,), quote.unit) for quote in evidence.quotes]


STEPS = evidence_of(document("VPN", "1. Open it.\n2. Close it.\n"))


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("language", sorted(PHRASES))
def test_every_language_greets_opens_and_closes_around_the_same_quotes_in_every_tone(language: str, tone: Tone) -> None:
    body = compose(setting(language, tone), STEPS, quotes(STEPS), opening=None)
    manner = PHRASES[language].manners[tone]
    assert "1. Open it.\n2. Close it." in body
    assert "Kim" in body.splitlines()[0]
    assert manner.thanks in body
    assert body.endswith(f"{manner.closing}\n\n{manner.regards}\nThe desk")
    assert (PHRASES[language].in_english in body) or language == "en"
    assert "{" not in body


def test_a_formal_greeting_has_the_whole_name_or_none() -> None:
    assert compose(setting(tone="formal"), STEPS, quotes(STEPS), opening=None).startswith("Dear Kim Miller,")
    nobody = setting(tone="formal", requester="Kim")
    assert compose(nobody, STEPS, quotes(STEPS), opening=None).startswith("Dear Sir or Madam,")


def test_an_organisation_greets_as_it_wishes_and_as_usual_where_the_name_is_missing() -> None:
    own = replace(setting(), greeting="Ahoy {name}! {0.__class__} {team}")
    body = compose(own, STEPS, quotes(STEPS), opening=None)
    assert body.startswith("Ahoy Kim! {0.__class__} {team}\n\n")
    nameless = replace(own, question=question("k.miller@desk.example"))
    assert compose(nameless, STEPS, quotes(STEPS), opening=None).startswith("Hello,\n\n")


def test_a_short_reply_has_neither_thanks_nor_closing() -> None:
    short = replace(setting(), style=Style("neutral", "short", "en"))
    manner = PHRASES["en"].manners["neutral"]
    body = compose(short, STEPS, quotes(STEPS), opening=None)
    assert manner.thanks not in body
    assert manner.closing not in body
    assert body.endswith("Kind regards\nThe desk")


def test_sections_stand_under_their_headings_when_there_are_several() -> None:
    evidence = evidence_of(document("VPN", "# One\n\nFirst. Second.\n\n# Two\n\n- Third.\n"))
    body = compose(setting(requester=None), evidence, quotes(evidence), opening=TOPIC)
    assert "One:\n\nFirst. Second.\n\nTwo:\n\n- Third." in body
    assert body.startswith(f"Hello,\n\n{TOPIC} Our article “VPN”")


def test_warnings_come_first_and_a_second_article_is_named() -> None:
    evidence = evidence_of(document("VPN", "Open the client.\n"), document("Swollen battery", BATTERY))
    body = compose(setting(), evidence, quotes(evidence), opening=None)
    assert body.index("Important: Stop using the laptop. Do not charge it.") < body.index("Open the client.")
    assert "See also: “Swollen battery”" in body
    assert "Swollen battery: What to do:" in body


def test_words_of_a_model_that_restate_a_step_are_a_line_of_their_own() -> None:
    evidence = evidence_of(document("VPN error", VPN))
    step = next(quote for quote in evidence.quotes if quote.unit.kind == "step")
    own = Statement("Choose Web only under Preferences > Transport.", (step.source.id,), restates=step.unit)
    told = Statement("Hotels allow only web traffic.", (step.source.id,))
    body = compose(setting(), evidence, [told, own, own], opening=None)
    assert f"Hotels allow only web traffic.\n\n- {own.text}\n- {own.text}" in body
