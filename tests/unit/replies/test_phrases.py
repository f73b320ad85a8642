from __future__ import annotations

import pytest

from helpdesk.answers.article_units import units_of
from helpdesk.replies.phrases import PHRASES, compose, first_name


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Kim Miller", "Kim"),
        ("Jean-Luc Picard", "Jean-Luc"),
        ("Ümit Öz", "Ümit"),
        ("kim@desk.example", None),
        ("K. Miller", None),
        ("user4711", None),
        ("", None),
        (None, None),
    ],
)
def test_somebody_is_greeted_by_a_name_that_looks_like_one(name: str | None, first: str | None) -> None:
    assert first_name(name) == first


@pytest.mark.parametrize("language", sorted(PHRASES))
def test_every_language_greets_opens_and_closes_around_the_same_quotes(language: str) -> None:
    body = compose(
        language=language,
        article_language="en",
        requester="Kim Miller",
        title="VPN",
        opening=None,
        units=units_of("1. Open it.\n2. Close it.\n"),
        signature="The desk",
    )
    assert "1. Open it.\n2. Close it." in body
    assert "Kim" in body.splitlines()[0]
    assert PHRASES[language].thanks in body
    assert body.endswith(f"{PHRASES[language].regards}\nThe desk")
    assert (PHRASES[language].in_english in body) or language == "en"


def test_sections_stand_under_their_headings_when_there_are_several() -> None:
    body = compose(
        language="en",
        article_language="en",
        requester=None,
        title="VPN",
        opening="Thank you for your message about “HL-809”.",
        units=units_of("# One\n\nFirst. Second.\n\n# Two\n\n- Third.\n"),
        signature="The desk",
    )
    assert "One:\n\nFirst. Second.\n\nTwo:\n\n- Third." in body
    assert body.startswith("Hello,\n\nThank you for your message about “HL-809”. Our article “VPN”")
