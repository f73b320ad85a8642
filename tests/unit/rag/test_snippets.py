from __future__ import annotations

from helpdesk.rag.retrieval.snippets import SNIPPET_CHARS, make_snippet
from helpdesk.rag.text.terms import words_of

FILLER = "Nothing of interest stands in this sentence at all. " * 8
CONTENT = FILLER + "Printers need the code 0x80070005, says the printing service. " + FILLER


def test_a_snippet_shows_the_words_that_were_asked_for() -> None:
    snippet = make_snippet(CONTENT, query_words=words_of("print 0x80070005", "en"), language="en")
    assert snippet.text in CONTENT
    assert len(snippet.text) <= SNIPPET_CHARS
    assert [snippet.text[start:end] for start, end in snippet.highlights] == ["0x80070005", "printing"]


def test_a_snippet_without_a_hit_is_the_beginning() -> None:
    snippet = make_snippet(CONTENT, query_words=[], language="en")
    assert CONTENT.startswith(snippet.text)
    assert snippet.highlights == ()


def test_short_passages_are_shown_whole() -> None:
    assert make_snippet("Only this.", query_words=["only"], language=None).text == "Only this."
    assert make_snippet("", query_words=["only"], language=None).text == ""
