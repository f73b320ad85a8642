from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from helpdesk.rag.text.cleaning import clean_markdown, clean_message, clean_text
from helpdesk.rag.text.html import html_to_markdown, html_to_text

PIECES = st.sampled_from(
    [*"ab &;#x1<>/-`~>:\n\t\r\u200b\u202e\u00ad\ufeff\xa0\u3000\u2028\U000e0041\ud800\x00\ue000", "ｅ", "＆", "ﬁ", "é",  # noqa: RUF001
     "&amp;", "&nbsp;", "&#8203;", "&lt;", "&eacute;", "&#x26;", "<b>", "</b>", "<!--", "-->", "<div hidden>", "</div>",
     "<style>.x{display:none}</style>", "<p class=x>", "</p>", "> ",
     "On Mon, Jim wrote:", "\n-- \n", "\nBest regards\n",
     "\nVon: x\nAn: y\nBetreff: z\n", "```\n", "word ", "\n\n", "\nSent from my phone\n"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join)
PLAIN = st.lists(
    st.sampled_from(
        ["word ", "Other words. ", "\n", "\n\n", "> quoted\n", "\nBest regards\n", "\n-- \n", "Jim\n", "12:30 "]
    ),
    max_size=20,
).map("".join)


@given(TEXTS)
def test_cleaning_what_is_clean_changes_nothing(text: str) -> None:
    for clean in (clean_text, clean_markdown):
        assert clean(clean(text)) == clean(text)


@given(PLAIN)
def test_cleaning_a_clean_message_changes_nothing(text: str) -> None:
    assert clean_message(clean_message(text)) == clean_message(text)


@given(TEXTS)
def test_nothing_is_left_that_a_reader_cannot_see_or_a_database_not_hold(text: str) -> None:
    for clean in (clean_text, clean_markdown, clean_message):
        cleaned = clean(text)
        assert {unicodedata.category(letter) for letter in cleaned} <= {
            *(
                "Ll",
                "Lu",
                "Lt",
                "Lm",
                "Lo",
                "Nd",
                "Nl",
                "No",
                "Pd",
                "Ps",
                "Pe",
                "Po",
                "Pc",
                "Pi",
                "Pf",
                "Mn",
                "Sm",
                "Sc",
            ),
            *("Sk", "So", "Zs"),
        } | ({"Cc"} if "\n" in cleaned or "\t" in cleaned else set())
        assert cleaned == cleaned.strip()
        assert unicodedata.is_normalized("NFKC", cleaned)


@given(PLAIN)
def test_a_message_keeps_its_words_in_their_order_and_gains_none(text: str) -> None:
    words = iter(text.split())
    assert all(word in words for word in clean_message(text).split())


@given(st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=200))
def test_plain_words_lose_nothing_but_their_form(text: str) -> None:
    assert clean_text(text).split() == unicodedata.normalize("NFKC", text).replace("\u00ad", "").split() or any(
        sign in text for sign in "&\u3164\uffa0\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f"
    )


@given(st.text(max_size=300))
def test_no_html_makes_the_readers_stumble(text: str) -> None:
    for wrapped in (text, f"<div {text}>", f"<p style='{text}'>x</p>", f"<style>{text}</style><p class=a>x"):
        html_to_text(wrapped)
        html_to_markdown(wrapped)
        clean_markdown(wrapped)
