"""Texts made to keep a reader busy: a rule that reads the rest anew from every place would take minutes for each."""

from __future__ import annotations

import pytest

from helpdesk.kb.gaps.outline import Solved, outline_of
from helpdesk.kb.markdown.files import read_article
from helpdesk.rag.text.cleaning import clean_markdown, clean_message, clean_text
from helpdesk.rag.text.html import html_to_text
from helpdesk.redaction import redacted

# As long as a message may be.
MOST = 200_000


def filled(unit: str) -> str:
    return unit * (MOST // len(unit))


def test_spaces_within_a_line_stay_and_those_at_its_end_go() -> None:
    row = " " * MOST
    assert clean_text(f"a{row}b{row}\nc") == f"a{row}b\nc"


@pytest.mark.parametrize("unit", ["<a ", "<p ", "<b", "<b>x"])
def test_tags_that_never_end_are_words(unit: str) -> None:
    assert clean_message(f"The screen shows {filled(unit)}").startswith("The screen shows")


def test_a_message_that_says_good_bye_on_every_line_is_read_to_its_end() -> None:
    assert clean_message("Hello\n" + filled("regards\n")).startswith("Hello")


@pytest.mark.parametrize("unit", ["On Mon, Jan 1 x ", "Am 1. Jan schrieb x ", "Le 1 jan. a écrit x ", "> On x "])
def test_a_line_that_announces_quotes_without_end_hides_nothing(unit: str) -> None:
    line = filled(unit).strip()
    assert clean_message(f"It is broken.\n{line}\nPlease help.").endswith("Please help.")


def test_below_a_line_of_any_length_a_quoted_mail_is_still_found() -> None:
    told = "It is broken. " * 100
    mail = f"{told}\n\nOn Mon, 1 Jan 2026 at 10:00, Anna Example <anna@example.org> wrote:\n> The old mail"
    assert clean_message(mail) == told.strip()


@pytest.mark.parametrize(
    "page",
    [
        f'<p style="{filled("overflow:hidden;")}">seen</p>',
        f'<p style="a{filled(" ")}b">seen</p>',
        f'<p style="{filled("color:rgba(,")}">seen</p>',
        f"<style>{filled('a ')}</style>seen",
        '<div style="margin:1px">' * 900 + '<b style="color:#abc">seen</b>' * 5000 + "</div>" * 900,
    ],
    ids=["overflow", "spaces", "colours", "rules", "depth"],
)
def test_styles_without_end_hide_nothing(page: str) -> None:
    assert "seen" in html_to_text(page)


@pytest.mark.parametrize(
    "style",
    [
        "overflow: hidden; height: 0",
        "width:0px ; overflow : hidden",
        "color : rgba( 0, 0, 0, 0 ) !important",
        "display : none",
    ],
)
def test_a_style_hides_however_it_is_written(style: str) -> None:
    assert html_to_text(f'<p>seen</p><p style="{style}">unseen</p>').split() == ["seen"]


def test_letters_in_the_colour_of_a_box_around_them_are_unseen() -> None:
    page = '<div style="background:#123456"><p>seen</p><p><i style="color:#123456">no</i></p></div>'
    assert html_to_text(f'{page}<p><i style="color:#123456">too</i></p>').split() == ["seen", "too"]


@pytest.mark.parametrize("unit", ["<style ", "<a '", '<a "', "`a``b```c"])
def test_markup_that_is_never_closed_does_not_stop_an_article(unit: str) -> None:
    assert clean_markdown(f"Words first.\n\n{filled(unit)}").startswith("Words first.")


def test_backticks_of_ever_other_lengths_are_no_code() -> None:
    runs = "a".join("`" * length for length in range(1, 600))
    assert clean_markdown(f"{runs} <!-- unseen --> seen").endswith("seen")


def test_a_heading_of_signs_alone_is_cut_like_any_title() -> None:
    article = read_article("a.md", f"# One {'#' * 150_000}x\n\nWords".encode())
    assert article.title.startswith("One ####")
    assert read_article("b.md", b"# Reset it ##\n\nWords").title == "Reset it"


def test_a_reply_of_any_length_is_quoted_in_part() -> None:
    outline = outline_of("vpn", ["How?"], [Solved(7, "VPN", None, [filled("1.")])])
    assert len(outline) < 10_000


@pytest.mark.parametrize("unit", ["_", "1", "a.", "é"])
def test_one_word_of_any_length_is_looked_through_for_addresses(unit: str) -> None:
    word = filled(unit)
    assert redacted(f"{word} anna.example@example.org") == f"{word} [email]"
