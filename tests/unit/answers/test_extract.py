from __future__ import annotations

from helpdesk.answers.article_units import Unit, units_of
from helpdesk.answers.extract import MOST_UNITS, choose, has_gaps, section_texts, within

ARTICLE = """\
Batteries age. **Do not charge a swollen one.**

## Replace it

1. Unplug it.
2. Order a new one.
3. Bring the old one back.

## Other questions

The shop is on floor two. It opens at nine. Lunch is at noon. There is a lift.

Scooters are frequent guests. Do not put them in the lift.
"""


def _choose(markdown: str, *, close: dict[str, float], found_under: str = "") -> list[str]:
    units = units_of(markdown)
    similarity = [close.get(unit.text, 0.1) for unit in units]
    return [unit.text for unit in choose(units, similarity, sections={}, found_under=found_under)]


def test_a_run_of_steps_is_quoted_whole_and_in_order() -> None:
    chosen = _choose(ARTICLE, close={"Order a new one.": 0.8})
    assert chosen == ["Do not charge a swollen one.", "Unplug it.", "Order a new one.", "Bring the old one back."]


def test_without_steps_the_closest_sentences_are_quoted_in_the_articles_order() -> None:
    chosen = _choose(
        ARTICLE, close={"It opens at nine.": 0.9, "The shop is on floor two.": 0.8, "Lunch is at noon.": 0.7}
    )
    assert chosen[1:4] == ["The shop is on floor two.", "It opens at nine.", "Lunch is at noon."]


def test_a_warning_of_a_quoted_section_brings_the_sentence_it_points_back_to() -> None:
    chosen = _choose(ARTICLE, close={"It opens at nine.": 0.9})
    assert chosen[-2:] == ["Scooters are frequent guests.", "Do not put them in the lift."]


def test_where_the_search_found_its_passage_tips_the_scale() -> None:
    article = "## One\n\nFirst words.\n\n## Two\n\nSecond words.\n"
    assert _choose(article, close={}, found_under="Guide > Two") == ["Second words."]


def test_a_long_article_is_cut_to_what_a_reply_can_hold_and_its_warnings_stay() -> None:
    items = "".join(f"- Never do thing {number}.\n- Thing {number} is fine.\n" for number in range(20))
    units = units_of(f"## All\n\n{items}")
    chosen = choose(units, [0.5] * len(units), sections={}, found_under="")
    assert len(chosen) <= MOST_UNITS
    assert all(unit.is_warning for unit in chosen)


def test_a_list_of_which_only_the_warnings_fit_has_gaps() -> None:
    units = units_of("1. Unplug it.\n2. Do not charge it.\n3. Put it on stone.\n4. Never open it.\n5. Call us.\n")
    assert [unit.is_warning for unit in units] == [False, True, False, True, False]
    kept = within(list(units), 2)
    assert has_gaps(kept, units)
    assert not has_gaps(units[:3], units)
    assert not has_gaps(units, units)


def test_a_warning_that_is_a_step_brings_its_list() -> None:
    article = "Words.\n\n1. Lift it.\n2. Do not drop it.\n\n## Sell\n\n1. Ask for a price.\n2. Sign.\n"
    assert _choose(article, close={"Ask for a price.": 0.9})[:2] == ["Lift it.", "Do not drop it."]


def test_an_empty_article_gives_nothing() -> None:
    assert choose([], [], sections={}, found_under="") == []


def test_a_section_is_read_with_its_heading() -> None:
    units: list[Unit] = units_of(ARTICLE)
    assert section_texts(units)[1].startswith("Replace it\nUnplug it.")
