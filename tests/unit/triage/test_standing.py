"""Whether a classifier has to be, may be, or must not be trained anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from helpdesk.database.base import new_id
from helpdesk.learned_models.versions import Version
from helpdesk.triage.classifying.classifier import Classifier
from helpdesk.triage.classifying.features import WIDTH
from helpdesk.triage.learning.examples import Labels, Supply
from helpdesk.triage.learning.standing import Standing

NOW = datetime(2026, 3, 3, tzinfo=UTC)
LABELS = Labels({"network": "Network"}, {}, {})


def version(
    number: int, *, trained_on: int, state: str = "retired", back: bool = False, training: bool = False
) -> Version:
    return Version(
        id=new_id(),
        kind="triage",
        version=number,
        state=state,
        reason="",
        metrics={},
        trained_on=trained_on,
        created_at=NOW,
        state_since=NOW,
        rolled_back_at=NOW if back else None,
        training=training,
        size=1,
    )


def standing(
    *versions: Version, labels: int, basis: str = LABELS.basis, embedding: str = "e", said: datetime | None = None
) -> Standing:
    """Return how a classifier stands, the latest version first."""
    champion = next((one for one in versions if one.state == "champion"), None)
    classifier = Classifier({}, np.zeros(WIDTH, dtype=np.float32), embedding, basis, 0)
    return Standing(champion, classifier if champion else None, list(versions), Supply(labels, said), LABELS, "e")


@pytest.mark.parametrize(
    ("changed", "reason", "usable"),
    [
        ({}, None, True),
        ({"basis": "other"}, "other values", True),
        ({"embedding": "other"}, "embedding model changed", False),
    ],
)
def test_changed_labels_or_vectors_force_another_one(changed: dict[str, str], reason: str | None, usable: bool) -> None:
    found = standing(version(1, trained_on=30, state="champion"), labels=30, **changed)  # type: ignore[arg-type]
    assert (found.must is None) == (reason is None)
    assert reason is None or reason in (found.must or "")
    assert (found.usable is not None) == usable


def test_the_first_is_a_must() -> None:
    assert standing(labels=0).must == "In use, being the first."


@pytest.mark.parametrize(
    ("trained_on", "labels", "much"), [(30, 54, False), (30, 55, True), (5000, 5099, False), (5000, 5100, True)]
)
def test_twenty_five_labels_or_two_of_a_hundred_are_much(trained_on: int, labels: int, much: bool) -> None:
    found = standing(version(1, trained_on=trained_on, state="champion"), labels=labels)
    assert found.much_is_new == much
    assert found.is_news()


def test_what_a_challenger_that_was_put_aside_has_seen_is_no_news() -> None:
    aside, champion = version(2, trained_on=60, state="challenger"), version(1, trained_on=30, state="champion")
    assert not standing(aside, champion, labels=60).is_news()
    assert not standing(aside, champion, labels=84).much_is_new
    assert standing(version(3, trained_on=0, state="challenger", training=True), champion, labels=60).much_is_new


def test_a_word_that_changes_no_count_is_news_all_the_same() -> None:
    champion = version(1, trained_on=30, state="champion")
    assert not standing(champion, labels=30, said=NOW).is_news()
    assert standing(champion, labels=30, said=NOW + timedelta(seconds=1)).is_news()


def test_what_was_rolled_back_waits_for_twenty_five_labels_more() -> None:
    versions = (version(2, trained_on=60, back=True), version(1, trained_on=30, state="champion"))
    assert standing(*versions, labels=84).held()
    assert not standing(*versions, labels=85).held()
    # Gone forward since: nothing holds it any more.
    later = version(3, trained_on=61, state="champion")
    assert not standing(later, *versions[:1], labels=62).held()
