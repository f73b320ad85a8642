from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.rag.text.chunking import PASSAGE_CHARS, cut_markdown, cut_plain, cutting_rules, passage_chars

LONG = "The router blocks the port and must be told to let it pass. " * 4
ROWS = "| Light | Meaning |\n|---|---|\n" + "\n".join(f"| {number} | blinks {number} times |" for number in range(18))
CODE = "```sh\n" + "\n".join(f"# step {number}\nroute add {number}" for number in range(16)) + "\n```"
ITEMS = "\n".join(f"- Item {number} of the list, with some words" for number in range(14))
WHOLE = {"table": ROWS, "code": CODE, "list": ITEMS}

BLOCKS = st.sampled_from(
    [
        "# One\n\n", "## Two\n\n", "Setext\n======\n\n", "Lower\n---\n\n", "---\n\n", "---\ntitle: Data\n---\n\n",
        f"# {'Long heading ' * 30}\n\n", f"{LONG}\n\n", f"{LONG * 4}\n\n", "Short.\n\n", f"{ROWS}\n\n", f"{CODE}\n\n",
        f"{ITEMS}\n\n", f"{ROWS}\n{ROWS}\n\n", "x" * 2000 + "\n\n", "é\n\n", "> quoted\n\n", "<div>\n\n",
        "    code\n\n",
        "~~~\nnever closed\n", "\t\n", "1. one\n   - two\n\n",
    ]
)  # fmt: skip
TEXTS = st.lists(BLOCKS, max_size=12).map("".join) | st.text(max_size=3000)
SIZES = st.sampled_from([PASSAGE_CHARS, 400, 120])


@given(TEXTS, SIZES, st.sampled_from([cut_markdown, cut_plain]))
def test_passages_are_parts_of_the_text_in_order_bounded_and_lose_nothing(text: str, most: int, cut: object) -> None:
    passages = cut(text, most_chars=most)  # type: ignore[operator]
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert passage.text.strip()
        assert len(passage.text) <= most
        assert len(passage.heading_path) <= 300
    for before, after in itertools.pairwise(passages):
        assert before.end <= after.start
    edges = [0, *itertools.chain.from_iterable((passage.start, passage.end) for passage in passages), len(text)]
    assert not any(text[start:end].strip() for start, end in zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize("kind", WHOLE)
def test_a_table_a_list_and_code_that_fit_are_not_torn(kind: str) -> None:
    block = WHOLE[kind]
    assert len(block) <= PASSAGE_CHARS
    text = f"# Guide\n\n{LONG}\n\n{block}\n\n{LONG}\n\n{LONG}\n\n{block}\n\n{LONG}"
    assert sum(block in passage.text for passage in cut_markdown(text)) == 2


def test_what_is_underlined_is_a_heading_and_what_stands_between_rules_at_the_top_is_none() -> None:
    text = f"---\ntitle: Data\ntags: [a]\n---\n\n{LONG}\n\nUpper\n=====\n\n{LONG}\n\nLower\n-----\n\n{LONG}"
    passages = cut_markdown(text)
    assert [passage.heading_path for passage in passages] == ["", "Upper", "Upper > Lower"]
    assert passages[0].text.startswith("---\ntitle: Data")


def test_a_log_has_no_headings() -> None:
    log = "".join(f"# {number} error HL-{number}\n" for number in range(100))
    assert {passage.heading_path for passage in cut_plain(log)} == {""}


def test_a_small_model_gets_shorter_passages_by_rules_of_their_own() -> None:
    assert [passage_chars(tokens) for tokens in (None, 8192, 256, 128, 8)] == [800, 800, 800, 400, 120]
    assert len({cutting_rules(passage_chars(tokens)) for tokens in (512, 256, 128, 64)}) == 3


def test_a_moved_section_keeps_its_passage() -> None:
    parts = [f"## Part {number}\n\n{LONG}" for number in range(6)]
    moved = [parts[3], *parts[:3], *parts[4:]]
    old, new = ({(one.heading_path, one.text) for one in cut_markdown("\n\n".join(some))} for some in (parts, moved))
    assert old == new
