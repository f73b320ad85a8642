from __future__ import annotations

from uuid import UUID

import pytest

from helpdesk.kb.suggestions.citations import Citable, cited_in

VPN = Citable(UUID(int=1), "vpn-error-hl-809", "https://kb.example/v/809", "VPN error HL-809: timed out")
SHORT = Citable(UUID(int=2), "vpn", None, "VPN")


@pytest.mark.parametrize(
    "reply",
    [
        "See https://desk.example/kb/vpn-error-hl-809.",
        "See https://desk.example/kb/articles/vpn-error-hl-809?x=1",
        f"See https://desk.example/api/v1/kb/articles/{VPN.id}",
        "It is at /help/VPN-error-HL-809",
        "It is at https://kb.example/v/809, third step.",
        "Please read vpn-error-hl-809 once more.",
        "Please read “VPN error HL-809: timed out”.",
    ],
)
def test_an_article_is_cited_by_link_address_slug_or_title(reply: str) -> None:
    assert cited_in(reply, [VPN, SHORT]) == {VPN.id}


@pytest.mark.parametrize(
    "reply",
    [
        "Restart the vpn client.",
        "The error vpn-error-hl-809b is another one.",
        "See https://kb.example/v/8090",
        "Ticket 0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11 is done.",
        "",
    ],
)
def test_a_word_in_passing_cites_nothing(reply: str) -> None:
    assert cited_in(reply, [VPN, SHORT]) == set()


def test_a_short_slug_counts_only_in_a_link() -> None:
    assert cited_in("see /kb/vpn", [SHORT]) == {SHORT.id}
