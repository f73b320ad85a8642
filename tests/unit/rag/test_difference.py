from __future__ import annotations

from uuid import uuid4

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.vectors import ticket_input
from helpdesk.rag.indexing.difference import StoredChunk, difference
from helpdesk.rag.indexing.sources import INTERNAL, PUBLIC, Draft, Piece, Source, compose

PARAGRAPH = "The router blocks the port and must be told to let it pass before the tunnel comes up again. " * 3


def article(*sections: str, title: str = "VPN") -> list[Draft]:
    body = "\n\n".join(f"## Part {number}\n\n{text}" for number, text in enumerate(sections))
    source = Source(SourceType.KB, uuid4(), 1, title, PUBLIC, [Piece("body", PUBLIC, body)], language="en")
    return list(compose(source).drafts)


def stored(drafts: list[Draft], *, has_vector: bool = True) -> list[StoredChunk]:
    return [
        StoredChunk(uuid4(), ordinal, draft.hash, draft.visibility, draft.start, draft.end, has_vector)
        for ordinal, draft in enumerate(drafts)
    ]


def test_one_edited_section_costs_one_embedding() -> None:
    sections = [PARAGRAPH] * 20
    before = article(*sections)
    sections[7] += "A new sentence."
    change = difference(stored(before), article(*sections))
    assert (len(change.kept), len(change.added), len(change.dropped)) == (19, 1, 1)
    assert len(list(change.to_embed())) == 1


def test_a_removed_section_costs_none_and_moves_the_rest() -> None:
    same = ["a " + PARAGRAPH, "b " + PARAGRAPH]
    body = "\n\n".join(f"## {name}\n\n{text}" for name, text in zip("AB", same, strict=True))
    source = Source(SourceType.KB, uuid4(), 1, "T", PUBLIC, [Piece("body", PUBLIC, body)], language="en")
    before = list(compose(source).drafts)
    change = difference(stored(before), before[1:])
    assert list(change.to_embed()) == []
    assert [kept.moved for kept in change.kept] == [True]


def test_equal_passages_are_matched_one_to_one() -> None:
    [draft] = article(PARAGRAPH)
    change = difference(stored([draft, draft]), [draft, draft, draft])
    assert (len(change.kept), len(change.added), len(change.dropped)) == (2, 1, 0)


def test_a_passage_without_a_vector_is_embedded_again() -> None:
    drafts = article(PARAGRAPH)
    assert len(list(difference(stored(drafts, has_vector=False), drafts).to_embed())) == 1


def test_a_new_title_changes_what_every_passage_means() -> None:
    change = difference(stored(article(PARAGRAPH, PARAGRAPH)), article(PARAGRAPH, PARAGRAPH, title="Tunnel"))
    assert len(change.added) == 2


def test_the_first_passage_of_a_ticket_is_embedded_as_everybody_embeds_the_ticket() -> None:
    pieces = [Piece("question", PUBLIC, "It drops.\n-- \nJim"), Piece("note", INTERNAL, "Seen before.")]
    first, note = compose(Source(SourceType.TICKET, uuid4(), 1, "VPN drops", PUBLIC, pieces)).drafts
    assert first.embedded == ticket_input("VPN drops", "It drops.\n-- \nJim") == "VPN drops\n\nIt drops."
    assert (first.visibility, note.visibility) == (PUBLIC, INTERNAL)


def test_a_ticket_without_words_is_found_by_its_subject() -> None:
    [draft] = compose(Source(SourceType.TICKET, uuid4(), 1, "VPN", PUBLIC, [Piece("question", PUBLIC, "")])).drafts
    assert draft.content == "VPN"
