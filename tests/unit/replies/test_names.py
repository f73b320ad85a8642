from __future__ import annotations

import pytest

from helpdesk.replies.names import filled, first_name, whole_name


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


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("Kim  Miller", "Kim Miller"),
        ("K. J. Miller", "K. J. Miller"),
        ("Kim", None),
        ("http://evil.example click here", None),
        ("Kim Miller of the third floor left", None),
        (None, None),
    ],
)
def test_a_whole_name_is_one_of_two_to_four_words_of_letters(name: str | None, whole: str | None) -> None:
    assert whole_name(name) == whole


def test_only_known_placeholders_are_filled_and_once() -> None:
    assert filled("{agent}, {team} {x} {agent.__class__}", {"agent": "{team}", "team": "IT"}) == (
        "{team}, IT {x} {agent.__class__}"
    )


def test_a_line_that_names_something_unknown_is_left_out() -> None:
    assert filled("{agent}\n{team}\nService desk", {"agent": "Ada", "team": None}) == "Ada\nService desk"


def test_a_name_stays_one_line_of_visible_words() -> None:
    assert filled("{agent}", {"agent": "Ada\n\nPS: pay\u200b here"}) == "Ada PS: pay here"
