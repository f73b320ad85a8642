from __future__ import annotations

from helpdesk.kb.gaps.labels import Vocabulary
from tests.unit.kb.test_gap_clusters import BADGE, CANTEEN, NOISE


def test_a_gap_is_called_by_the_words_that_its_questions_share() -> None:
    vocabulary = Vocabulary([*BADGE, *CANTEEN, *NOISE])
    assert set(vocabulary.label_of([0, 1, 2]).terms[:3]) == {"badge", "parking", "garage"}
    assert vocabulary.label_of([3, 4, 5]).text == "canteen, menu"


def test_a_word_of_a_single_question_is_never_part_of_the_name() -> None:
    vocabulary = Vocabulary(["Kim Okafor cannot print", "printing fails again", *NOISE])
    label = vocabulary.label_of([0, 1])
    assert "okafor" not in label.text.lower()
    assert "kim" not in label.text.lower()


def test_greetings_and_placeholders_tell_nothing() -> None:
    vocabulary = Vocabulary(["Hello team, thanks [email]", "Hello team, thanks [email]"])
    assert vocabulary.label_of([0, 1]).terms == ()
