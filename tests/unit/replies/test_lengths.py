from __future__ import annotations

from helpdesk.answers.evidence import Evidence, Quote
from helpdesk.replies.lengths import quotes_for
from tests.unit.answers.pack import BATTERY, VPN, document, evidence_of, sources_of

FULL = evidence_of(document("VPN error", VPN), document("Swollen battery", BATTERY))


def texts(evidence: Evidence, length: str) -> list[str]:
    return [one.text for one in quotes_for(evidence, length)]  # type: ignore[arg-type]


def test_a_medium_reply_quotes_what_was_chosen() -> None:
    assert texts(FULL, "medium") == [quote.unit.text for quote in FULL.quotes]


def test_a_short_reply_keeps_every_warning_and_the_steps_whole() -> None:
    sources = sources_of(document("VPN error", VPN))
    network = Evidence(sources, [Quote(unit, source) for source in sources[1:] for unit in source.units])
    assert texts(network, "short") == [
        "Open Preferences > Transport and choose Web only.",
        'Connect again. The icon shows a small "w".',
        "Do not disable the company firewall to make the VPN connect.",
    ]
    assert {"Stop using the laptop.", "Do not charge it."} <= set(texts(FULL, "short"))


def test_a_short_reply_without_steps_is_its_first_sentences() -> None:
    prose = evidence_of(document("Mailbox", "One thing. Another thing. A third thing.\n"))
    assert texts(prose, "short") == ["One thing.", "Another thing."]


def test_a_long_reply_adds_the_next_section_of_the_same_article() -> None:
    sources = sources_of(document("VPN error", VPN), document("Swollen battery", BATTERY))
    first = Evidence(sources, [Quote(unit, sources[0]) for unit in sources[0].units])
    longer = texts(first, "long")
    assert longer[: len(first.quotes)] == texts(first, "medium")
    assert "Open Preferences > Transport and choose Web only." in longer
    assert "Unplug the charger at the wall." not in longer
