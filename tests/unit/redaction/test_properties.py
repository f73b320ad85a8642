from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.redaction import redacted

_PIECES = st.sampled_from(
    [
        "4111 1111 1111 1111", "4111", "+43 664 1234567", "0664", "1234567", "(0)", "+", "00", "kim@desk.example", "@",
        "desk.example", "AT61 1904 3002 3457 3201", "DE89", "password: ", "password is ", "hunter2", "Bearer ",
        "sk-abcdefghijklmnopqrstuvwx", "eyJabcdefgh.abcdefgh", "://", "a:b@c", "-----BEGIN PRIVATE KEY-----",
        "\n", "\r\n", " ", "-", ".", "/", "[secret]", "[phone]", "[card]", "[", "]", "٤١١١", "\u200b", "é", "call ",
        "order ", "\"", "'", "<password>", "12", "1", "x",
    ]
)  # fmt: skip
_TEXTS = st.one_of(st.text(max_size=200), st.lists(_PIECES, max_size=14).map("".join))


@given(_TEXTS)
@settings(max_examples=400, deadline=None)
def test_redacting_what_is_redacted_changes_nothing(text: str) -> None:
    once = redacted(text)
    assert redacted(once) == once


@given(_TEXTS)
@settings(max_examples=200, deadline=None)
def test_a_text_never_grows_beyond_what_placeholders_take(text: str) -> None:
    assert len(redacted(text)) <= 3 * len(text)


@pytest.mark.parametrize(
    "unit",
    ["1", "0", "+", "@", "a@", "+1", "1 ", "0 ", "4111 ", "AT61", "password:", "eyJ", "(0", "://a:", "0664 1234567 "],
)
def test_a_million_hostile_characters_come_to_an_end(unit: str) -> None:
    assert redacted(unit * (1_000_000 // len(unit)))


@pytest.mark.parametrize("text", ["", " ", "\n", "é", "\x00", "\ud800"])
def test_odd_texts_come_through(text: str) -> None:
    assert redacted(text) == text
