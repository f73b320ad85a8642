"""Made-up tickets of a few kinds, whose words and vectors tell more or less of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.classifier import Classifier
from helpdesk.triage.classifying.features import terms_of
from helpdesk.triage.classifying.training import Example, train

WORDS = {"printer": "the printer jams paper in tray", "network": "vpn wifi connection drops timeout"}
TOPICS = {
    "printer": "printer paper toner tray jam scanner",
    "network": "vpn wifi router connection timeout cable",
    "account": "password login locked reset token expired",
    "laptop": "battery screen keyboard charger hinge fan",
    "mail": "mailbox attachment calendar invitation spam outlook",
    "payroll": "salary payslip holiday bonus pension tax",
}
DIMS = 8


def vector_of(label: str, number: int) -> NDArray[np.float32]:
    """Return a unit vector of one of two kinds."""
    noise = np.random.default_rng(number).normal(scale=0.6, size=DIMS)
    noise[0] += 1 if label == "printer" else -1
    return np.asarray(noise / np.linalg.norm(noise), dtype=np.float32)


def example_of(label: str, number: int) -> Example:
    words = " ".join(WORDS[label].split()[number % 3 :])
    return Example(terms_of(f"{words} number {number}"), vector_of(label, number), {"category": label}, {})


def two_kinds(count: int) -> list[Example]:
    """Return examples of two kinds that are easy to tell apart."""
    return [example_of(("printer", "network")[number % 2], number) for number in range(count)]


def examples_of(count: int, *, noise: float = 0.25, seed: int = 0) -> list[Example]:
    """Return examples of six kinds, the harder to tell apart the more noise there is."""
    random = np.random.default_rng(seed)
    directions = np.linalg.qr(np.random.default_rng(99).normal(size=(16, len(TOPICS))))[0].T
    names = list(TOPICS)
    found = []
    for number in range(count):
        place = number % len(names)
        vector = directions[place] + random.normal(scale=noise / 2, size=16)
        told = names[place] if random.random() > noise / 2 else names[int(random.integers(len(names)))]
        words = " ".join(random.choice(TOPICS[told].split(), 3))
        unit = (vector / np.linalg.norm(vector)).astype(np.float32)
        found.append(Example(terms_of(f"please help with {words}"), unit, {"category": names[place]}, {}))
    return found


def train_on(examples: Sequence[Example]) -> Classifier:
    return train(examples, fields=("category",), anchors={}, embedding="digest", basis="labels")
