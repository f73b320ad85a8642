from __future__ import annotations

import pytest

from helpdesk.replies.distance import edit_distance

DRAFT = "Hello Kim,\n\nOpen Preferences and choose Web only.\n\nKind regards\nThe desk"


def test_the_same_words_are_no_distance_however_they_are_spaced() -> None:
    assert edit_distance(DRAFT, DRAFT.replace("\n\n", "\n")) == 0
    assert edit_distance("", "") == 0


@pytest.mark.parametrize(
    ("sent", "distance"),
    [
        (DRAFT.replace("Kim", "Robin"), 0.0833),
        (DRAFT + " Call me on Monday.", 0.1429),
        ("Something else entirely", 1.0),
        ("", 1.0),
    ],
)
def test_distance_is_the_share_of_words_that_do_not_match(sent: str, distance: float) -> None:
    assert edit_distance(DRAFT, sent) == distance


def test_a_text_of_any_length_is_compared_in_bounded_time() -> None:
    many = " ".join(str(number) for number in range(100_000))
    assert edit_distance(many, many + " more") == 0
