from __future__ import annotations

import pytest

from helpdesk.answers.grounding import TICKET, Sentence, check, names_an_address, problem_with

SOURCES = {
    TICKET: "HL-809 again in the hotel. The VPN drops at 10:15, see https://desk.example/vpn and C:\\logs\\vpn.",
    "S1": "Choose *Web only* under **Preferences**. Run `vpn --web` on port 443.",
}


def test_a_quote_stands_whatever_its_markup() -> None:
    assert problem_with(Sentence("Choose Web only under Preferences.", ("S1",), verbatim=True), SOURCES) is None


def test_a_changed_quote_falls() -> None:
    changed = Sentence("Choose Web never under Preferences.", ("S1",), verbatim=True)
    assert problem_with(changed, SOURCES) == "is not in the source it quotes"


@pytest.mark.parametrize(
    ("text", "cites", "problem"),
    [
        ("HL-809 in the hotel", (), "cites nothing"),
        ("HL-809 in the hotel", ("S9",), "cites a source that was not given"),
        ("HL-810 in the hotel", (TICKET,), "“HL-810” is in no cited source"),
        ("VPN drops at 10:45", (TICKET,), "“10:45” is in no cited source"),
        ("see https://evil.example/vpn", (TICKET,), "“https://evil.example/vpn” is in no cited source"),
        ("write to root@evil.example", (TICKET,), "“evil.example” is in no cited source"),
        ("run `vpn --wipe`", ("S1",), "“`vpn --wipe`” is in no cited source"),
        ("the VPN drops, we will fix it", (TICKET,), "promises something"),
        ("the hotel VPN, you can keep using it", (TICKET,), "gives advice in words of its own"),
        ("purple elephants dancing everywhere", (TICKET,), "says more than its source"),
    ],
)
def test_words_of_ones_own_must_be_borne_out(text: str, cites: tuple[str, ...], problem: str) -> None:
    assert problem_with(Sentence(text, cites), SOURCES) == problem


def test_words_that_the_ticket_has_may_be_said() -> None:
    assert problem_with(Sentence("HL-809 again in the hotel at 10:15", (TICKET,)), SOURCES) is None


def test_failing_sentences_are_dropped_with_the_reason_and_the_rest_is_kept() -> None:
    good, bad = Sentence("HL-809 in the hotel", (TICKET,)), Sentence("HL-810 in the hotel", (TICKET,))
    checked = check([good, bad], SOURCES)
    assert checked.kept == [good]
    assert [dropped["text"] for dropped in checked.dropped] == ["HL-810 in the hotel"]


@pytest.mark.parametrize(
    "text",
    [
        "See https://desk.example/vpn.",
        "See //evil.example/reset now.",
        "The page is wifi.evil.zip now.",
        "Sign in at p\u0430ypal.example today.",
        "Use 203.0.113.77:8080 for it.",
        "The gateway is at [2001:db8::77] now.",
        "Write to a.b@evil.example today.",
    ],
)
def test_an_address_is_known_whatever_its_form(text: str) -> None:
    assert names_an_address(text)


@pytest.mark.parametrize(
    "text", ["Open report.pdf, e.g. at 10:30:15.", "Version 2.13.1 is out.", "Use Node.js or main.py.", "d.h. so"]
)
def test_a_file_a_time_and_a_version_are_no_addresses(text: str) -> None:
    assert not names_an_address(text)
