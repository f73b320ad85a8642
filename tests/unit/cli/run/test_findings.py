from __future__ import annotations

from typing import Any

from helpdesk.cli.run.findings import as_text

TICKET: dict[str, Any] = {
    "triage": {
        "category": {"value": "network", "probability": 0.934, "decision": "auto", "source": "classifier"},
        "priority": {"value": None, "probability": 0.2, "decision": "none", "source": "rule"},
    },
    "suggestions": {
        "items": [{"relevance": 0.81, "title": "VPN error HL-809", "heading_path": "Quick fix"}],
        "reason": "",
    },
    "draft": {
        "state": "drafted",
        "body": "\n\n".join(f"Line {number}" for number in range(12)),
        "sources": [{"id": "1", "title": "VPN error HL-809", "heading": "Quick fix"}],
        "method": "extractive",
        "model": None,
        "abstain_reason": None,
    },
    "sla": [{"metric": "first_response", "due_at": "2026-11-23T09:00:00Z"}, {"metric": "resolution", "due_at": None}],
    "prediction": [{"metric": "first_response", "probability": 0.5}],
}


def test_a_page_tells_what_was_found_and_how_sure_it_is() -> None:
    page = as_text(TICKET).plain
    assert "category network 93%, set by classifier" in page
    assert "priority" not in page
    assert "81% VPN error HL-809  Quick fix" in page
    assert "[1] VPN error HL-809 > Quick fix" in page
    assert "first response  50% likely to be late" in page
    assert "resolution" not in page


def test_a_long_draft_is_cut() -> None:
    page = as_text(TICKET).plain
    assert "Line 7" in page
    assert "Line 8" not in page
    assert "4 lines more" in page


def test_nothing_suitable_and_no_draft_are_told_with_their_reasons() -> None:
    ticket = TICKET | {
        "suggestions": {"items": [], "reason": "no article is near"},
        "draft": {"state": "abstained", "abstain_reason": "nothing to cite"},
    }
    page = as_text(ticket).plain
    assert "nothing suitable: no article is near" in page
    assert "none: nothing to cite" in page
