from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from helpdesk.rag.text.chunking import PASSAGE_CHARS, cut_markdown

LONG = "The router blocks the port and must be told to let it pass. " * 4

BLOCKS = st.sampled_from(
    [
        "# One\n\n",
        "## Two\n\n",
        "### Three\n\n",
        LONG + "\n\n",
        "Short.\n\n",
        "- item\n- item\n\n",
        "```\n# no heading\n```\n\n",
        "é\n\n",
    ]
)


@given(st.lists(BLOCKS, max_size=25))
def test_passages_are_parts_of_the_text_in_order_and_lose_no_word(blocks: list[str]) -> None:
    text = "".join(blocks).strip()
    passages = cut_markdown(text)

    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
    for before, after in itertools.pairwise(passages):
        assert before.end <= after.start
    assert " ".join(passage.text for passage in passages).split() == text.split()


@given(st.lists(BLOCKS, min_size=1, max_size=25))
def test_a_heading_alone_is_a_passage_only_at_the_end(blocks: list[str]) -> None:
    passages = cut_markdown("".join(blocks).strip())
    for passage in passages[:-1]:
        assert not all(line.startswith("#") for line in passage.text.splitlines() if line.strip())


def test_a_passage_knows_the_headings_above_it() -> None:
    text = f"# Guide\n\n{LONG}\n\n## Windows\n\n### Error 809\n\n{LONG}\n\n## macOS\n\n{LONG}"
    assert [passage.heading_path for passage in cut_markdown(text)] == [
        "Guide",
        "Guide > Windows > Error 809",
        "Guide > macOS",
    ]


def test_a_heading_without_a_body_goes_with_what_follows() -> None:
    text = f"# Guide\n\n## Windows\n\n{LONG}"
    assert [passage.text for passage in cut_markdown(text)] == [text.strip()]


def test_long_sections_are_cut_near_two_hundred_tokens() -> None:
    passages = cut_markdown("# Guide\n\n" + "\n\n".join([LONG] * 20))
    assert len(passages) > 4
    assert all(len(passage.text) <= PASSAGE_CHARS + 100 for passage in passages)


def test_a_hash_in_a_code_block_is_no_heading() -> None:
    text = f"# Guide\n\n```\n# comment\n{LONG}\n```"
    assert {passage.heading_path for passage in cut_markdown(text)} == {"Guide"}


def test_an_edit_of_one_section_leaves_the_other_passages_as_they_are() -> None:
    before = "\n\n".join(f"## Part {number}\n\n{LONG}" for number in range(20))
    after = before.replace(f"## Part 7\n\n{LONG}", f"## Part 7\n\n{LONG} And a new sentence.")
    old, new = ({passage.text for passage in cut_markdown(text)} for text in (before, after))
    assert len(new - old) == 1


def test_nothing_is_cut_from_nothing() -> None:
    assert cut_markdown("") == []
    assert cut_markdown(" \n ") == []
