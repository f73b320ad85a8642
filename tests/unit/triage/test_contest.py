"""A challenger takes the champion's place only where it is not worse on tickets neither had seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from helpdesk.triage.classifying.classifier import Classifier
from helpdesk.triage.classifying.features import terms_of
from helpdesk.triage.classifying.training import Example, train
from helpdesk.triage.learning.contest import contest
from helpdesk.triage.learning.lessons import Lesson, TicketExample

START = datetime(2026, 1, 1, tzinfo=UTC)
CATEGORIES = ("network", "hardware", "security")
WORDS = {"network": "vpn gateway drops", "hardware": "laptop battery broken", "security": "phishing mail received"}
FIELDS = ("category",)


def ticket(number: int, *, category: str | None = None, told: bool = False, seed: int = 0) -> TicketExample:
    """Return a ticket a day, whose words and vector tell its category, unless another one is given."""
    true = CATEGORIES[number % 3]
    random = np.random.default_rng(1000 * seed + number)
    vector = np.eye(3, 8)[number % 3] + random.normal(0, 0.3, 8)
    opened = START + timedelta(days=number)
    labels = {"category": category or true}
    return TicketExample(
        Example(terms_of(f"{WORDS[true]} {number}"), np.float32(vector / np.linalg.norm(vector)), labels, {}),
        opened,
        opened + timedelta(hours=8),
        {"category": opened + timedelta(days=400)} if told else {},
    )


def taught(tickets: list[TicketExample]) -> Classifier:
    return train([one.example for one in tickets], fields=FIELDS, anchors={}, embedding="e", basis="b")


def held(tickets: list[TicketExample], champion: Classifier, *, since: datetime):
    return contest(
        Lesson(tickets, [], {}), champion=champion, champion_since=since, fields=FIELDS, embedding="e", basis="b"
    )


def wrong(number: int) -> str:
    return CATEGORIES[(number + 1) % 3]


def test_more_of_the_same_wins_and_says_on_what() -> None:
    tickets = [ticket(number) for number in range(200)]
    found = held(tickets, taught(tickets[:60]), since=tickets[60].opened_at)
    assert found.promoted
    assert (found.figures["how"], found.figures["tickets"]) == ("champion", 40)
    assert found.reason.startswith("In use, since it does no worse on the 40 newest tickets: macro-F1 of category")
    assert found.figures["fields"]["category"]["challenger"]["macro_f1"] > 0.9


def test_what_learnt_from_wrong_labels_is_put_aside_with_its_figures() -> None:
    # Somebody mislabelled the middle of the history; the newest tickets are labelled as ever.
    tickets = [ticket(number, category=wrong(number) if 60 <= number < 160 else None) for number in range(200)]
    found = held(tickets, taught(tickets[:60]), since=tickets[60].opened_at)
    assert not found.promoted
    figures = found.figures["fields"]["category"]
    assert figures["worse"] == ["macro_f1", "calibration_error"] or figures["worse"] == ["macro_f1"]
    assert figures["champion"]["macro_f1"] > figures["challenger"]["macro_f1"] + 0.2
    assert "Not in use, since it does worse on the 40 newest tickets: macro-F1 of category" in found.reason


def test_where_little_is_new_a_twin_of_the_champion_is_compared() -> None:
    tickets = [ticket(number) for number in range(200)]
    found = held(tickets, taught(tickets), since=tickets[-5].opened_at)
    assert (found.promoted, found.figures["how"]) == (True, "twin")
    both = found.figures["fields"]["category"]
    # Nothing was known then that is not known now, and the other way round: the twin is the challenger.
    assert both["champion"] == both["challenger"]


def test_the_twin_does_not_know_what_was_said_after_the_champions_training() -> None:
    """Corrections that came later are wrong on old tickets: the twin, which does without them, does better."""
    tickets = [
        ticket(number, category=wrong(number), told=True) if number < 100 and number % 4 else ticket(number)
        for number in range(200)
    ]
    found = held(tickets, taught(tickets[100:]), since=tickets[-1].settled_at or START)
    assert (found.promoted, found.figures["how"]) == (True, "twin") or not found.promoted
    both = found.figures["fields"]["category"]
    assert both["champion"]["accuracy"] >= both["challenger"]["accuracy"]


def test_few_tickets_are_predicted_block_by_block_in_order_of_time_and_it_is_said() -> None:
    tickets = [ticket(number) for number in range(80)]
    found = held(tickets, taught(tickets[:40]), since=tickets[40].opened_at)
    assert found.promoted
    assert (found.figures["how"], found.figures["tickets"]) == ("blocks", 60)
    assert "60 tickets in order of time, being few" in found.reason


@pytest.mark.parametrize("count", [0, 1, 3])
def test_hardly_anything_to_compare_on_is_no_obstacle(count: int) -> None:
    tickets = [ticket(number) for number in range(count)]
    champion = taught([ticket(number) for number in range(60)])
    found = held(tickets, champion, since=START)
    assert isinstance(found.promoted, bool)
    if count == 0:
        assert (found.promoted, found.reason) == (True, "In use; there was nothing to compare it on.")


def test_a_difference_that_chance_explains_is_no_defeat() -> None:
    """A third of the labels is arbitrary: two models that learnt from different tickets differ by chance."""
    random = np.random.default_rng(5)
    for seed in range(3):
        tickets = [
            ticket(number, category=str(random.choice(CATEGORIES)) if number % 3 == 0 else None, seed=seed)
            for number in range(240)
        ]
        assert held(tickets, taught(tickets[:120]), since=tickets[120].opened_at).promoted
