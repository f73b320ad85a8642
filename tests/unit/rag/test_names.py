from __future__ import annotations

import pytest

from helpdesk.rag.graph.names import article_names, asset_names, place_of, quote


def test_an_article_is_named_by_its_address_or_its_slug() -> None:
    text = "See https://help.example/kb/reset-your-password. Or [this](./use-the-vpn.md#hotels) and /articles/wifi."
    assert article_names(text) == [
        "https://help.example/kb/reset-your-password",
        "reset-your-password",
        "wifi",
        "use-the-vpn",
    ]


@pytest.mark.parametrize(
    "text", ["an article about kb", "(use-the-vpn)", "https:/help", "[a](https://elsewhere.example)x"]
)
def test_words_that_are_no_links_name_no_slug(text: str) -> None:
    assert [name for name in article_names(text) if not name.startswith("http")] == []


def test_an_asset_may_be_named_by_words_with_a_digit_or_of_several_parts() -> None:
    assert asset_names("The printer KF-P-0003 (srv_mail, SN77812) is off; restart it at 9 or 10.") == [
        "kf-p-0003", "srv_mail", "sn77812",
    ]  # fmt: skip


def test_a_name_stands_for_itself_and_not_within_a_longer_word() -> None:
    assert place_of("Reset your password", "Please reset YOUR password now") == 7
    assert place_of("Reset your password", "Preset your passwords") is None
    assert place_of("C++ (old)", "About C++ (old), too") == 6


def test_a_quote_is_the_line_around_a_place() -> None:
    text = "Hello,\nplease look at KF-P-0003 on floor two.\nThanks"
    assert quote(text, text.index("KF-P")) == "please look at KF-P-0003 on floor two."


def test_a_long_line_is_cut_around_the_place() -> None:
    text = "a" * 500 + " KF-P-0003 " + "b" * 500
    found = quote(text, text.index("KF-P"))
    assert len(found) <= 160
    assert "KF-P-0003" in found
