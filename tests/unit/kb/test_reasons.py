from __future__ import annotations

from typing import Any
from uuid import uuid4

from helpdesk.kb.suggestions.reasons import Known, why
from helpdesk.models.values import SourceType
from helpdesk.rag.retrieval.query import SearchResult


def _result(**changed: Any) -> SearchResult:
    values: dict[str, Any] = {
        "source_type": SourceType.KB,
        "source_id": uuid4(),
        "document_id": uuid4(),
        "chunk_id": uuid4(),
        "title": "VPN error HL-809",
        "heading_path": "Client at fault",
        "content": "Restart the tunnel service.",
        "snippet": "",
        "highlights": (),
        "char_start": 0,
        "char_end": 1,
        "relevance": 0.8,
        "role": "body",
        "language": "en",
        "signals": {"sim": None, "graph": 0.0},
    }
    return SearchResult(**(values | changed))


def test_shared_words_are_named_as_the_ticket_writes_them_codes_first() -> None:
    reason = why("Restarting the VPN client gives HL-809", _result())
    assert reason == (
        "It is about the code “HL-809”, its section “Client at fault” names “client” and “VPN” "
        "and its text mentions “Restarting”."
    )


def test_a_product_counts_only_as_a_whole_word_of_the_ticket() -> None:
    known = Known(products=("Kestrel ID", "VPN", "Mail"))
    reason = why("kestrel id says no", _result(title="Sign-in", heading_path="", content="Reset it."), known)
    assert reason == "It covers “Kestrel ID”."
    assert why("Mailbox full", _result(title="Sign-in", heading_path="", content="Reset."), known) == (
        "Words and meaning together make it likely."
    )


def test_tickets_that_it_solved_are_named_by_their_numbers() -> None:
    one = why("nothing shared here", _result(signals={"sim": None, "graph": 0.7}), Known(solved=(12,)))
    assert one == "It solved #12, which is alike."
    many = why("nothing shared here", _result(), Known(solved=(12, 9, 7, 3)))
    assert many == "It solved #12, #9 and #7, which are alike."


def test_closeness_and_solved_tickets_count_as_reasons() -> None:
    reason = why("nothing shared here", _result(signals={"sim": 0.62, "graph": 0.7}))
    assert reason == "Its meaning is close to the ticket's (0.62) and it solved similar tickets before."


def test_there_is_always_a_reason() -> None:
    assert why("nothing shared here", _result()) == "Words and meaning together make it likely."
