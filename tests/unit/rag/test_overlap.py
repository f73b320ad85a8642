from __future__ import annotations

import pytest

from helpdesk.rag.retrieval.overlap import overlap

PASSAGES = [
    "Printers > Where is the **HL-809**? Open *Device settings* and choose the printer.",
    "Settings of the device are kept for a week. The printer is on floor 2.",
    "Nothing of the kind.",
]


def test_words_side_by_side_count_more_than_the_same_words_apart() -> None:
    found = overlap("where are device settings", PASSAGES)
    assert found.phrase.tolist() == [1.0, 0.0, 0.0]
    assert found.covered.tolist() == [1.0, 1.0, 0.0]


def test_a_code_counts_more_than_a_word_that_many_have() -> None:
    found = overlap("printer HL-809", PASSAGES)
    assert found.rare[0] > 0.99
    assert found.rare[1] < 0.5
    assert found.covered[0] > found.covered[1] > found.covered[2] == 0.0


def test_words_that_no_passage_has_leave_the_query_less_than_whole() -> None:
    assert overlap("where are device settings", PASSAGES).whole[0] == 1.0
    found = overlap("where are device settings for holograms", PASSAGES)
    assert found.covered[0] == 1.0
    assert 0.3 < found.whole[0] < 0.7


def test_other_forms_of_a_word_are_the_same_word() -> None:
    assert overlap("printing", PASSAGES).covered.tolist() == overlap("printers", PASSAGES).covered.tolist()


def test_scripts_without_spaces_are_compared_by_pairs() -> None:
    found = overlap("打印机", ["请重启打印机。", "键盘坏了。"])
    assert found.covered.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("query", ["", "the of and", "...", "zzz"])
def test_a_query_that_shares_nothing_says_nothing(query: str) -> None:
    found = overlap(query, PASSAGES)
    assert not any([*found.covered, *found.whole, *found.rare, *found.phrase, *found.phrases])


def test_no_passages_have_no_overlap() -> None:
    assert overlap("printer", []).covered.shape == (0,)


@pytest.mark.parametrize(
    ("query", "passage"),
    [
        ("HL809", "the driver HL-809 fails"),
        ("HL-809", "the driver HL809 fails"),
        ("5034441", "update KB5034441 fails"),
        ("10.2.3", "client v10.2.3 fails"),
        ("80070005", "error 0x80070005 while copying"),
    ],
)
def test_a_code_is_found_however_it_is_written(query: str, passage: str) -> None:
    found = overlap(query, [passage, "something else of 2019"])
    assert found.whole.tolist() == [1.0, 0.0]
