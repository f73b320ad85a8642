"""Samples to take figures from."""

from __future__ import annotations

from collections.abc import Sequence

from helpdesk.evaluation.sample import Gathering, Sample

LABELS = ("network", "hardware", "accounts")


def triage_sample(right: Sequence[bool], *, promised: float = 0.8, name: str = "ticket") -> Sample:
    """Return tickets of three categories, answered rightly or with the next category."""
    found = Gathering("triage", "category", ("accuracy", "macro_f1", "calibration_error", "said_unknown"), "tickets")
    for place, is_right in enumerate(right):
        truth, other = LABELS[place % 3], LABELS[(place + 1) % 3]
        found.add(
            f"{name} {place}",
            truth=truth,
            chosen=truth if is_right else other,
            promised=promised,
            right=int(is_right),
            unknown=0,
        )
    return found.sample()
