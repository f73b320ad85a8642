from __future__ import annotations

import pytest

from helpdesk.answers.article_units import units_of

ARTICLE = """\
**Stop using it.** It can catch fire. Your safety comes first.

## Steps

Take your time:

1. Unplug the *charger*.
2. Run this:

   ```
   battery --off
   ```

3. Call `4400`.

- A [portal](https://desk.example/help) exists.

| Sign | Risk |
|---|---|
| Smell | High |
"""


def test_steps_keep_their_numbers_and_their_list() -> None:
    steps = [unit for unit in units_of(ARTICLE) if unit.kind == "step"]
    assert [(unit.number, unit.text) for unit in steps] == [
        (1, "Unplug the charger."),
        (2, "Run this: battery --off"),
        (3, "Call 4400."),
    ]
    assert len({unit.run for unit in steps}) == 1


def test_prose_is_cut_into_sentences_and_markup_is_taken_off() -> None:
    lead = [unit.text for unit in units_of(ARTICLE) if unit.section == 0]
    assert lead == ["Stop using it.", "It can catch fire.", "Your safety comes first."]


def test_a_row_names_its_columns_and_a_link_keeps_its_address() -> None:
    units = units_of(ARTICLE)
    assert [unit.text for unit in units if unit.kind == "row"] == ["Sign: Smell; Risk: High"]
    assert [unit.text for unit in units if unit.kind == "item"] == ["A portal (https://desk.example/help) exists."]


def test_abbreviations_and_versions_do_not_end_a_sentence() -> None:
    [unit] = units_of("Take version 5.4, e.g. from the shop, not 5.2 and older.")
    assert unit.text.endswith("older.")


@pytest.mark.parametrize(
    ("sentence", "warns"),
    [
        ("Do not charge it.", True),
        ("Quit it from the icon, don't just close the window.", True),
        ("Never press the case.", True),
        ("Uninstall them; do not disable the firewall.", True),
        ("Achtung: Das Gehäuse ist heiß.", True),
        ("The gateway never answered.", False),
        ("If pages don't load, wait.", False),
        ("You do not need to wait.", False),
        ("You get a warning at 45 GB.", False),
        ("Restart the computer.", False),
    ],
)
def test_orders_not_to_do_something_are_warnings(sentence: str, warns: bool) -> None:
    [unit] = units_of(sentence)
    assert unit.is_warning is warns
