"""What became of the rows of an import."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What becomes of a row."""

    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass
class Tally:
    """The rows of an import by what became of them.

    Attributes:
        unknown_categories: names of categories that are not there, and how many rows name each.
        new_categories: names of those that were made, or would be.
    """

    rows: Counter[Outcome] = field(default_factory=Counter)
    unknown_categories: Counter[str] = field(default_factory=Counter)
    new_categories: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return how many rows were read."""
        return self.rows.total()

    @property
    def failed(self) -> int:
        """Return how many rows were not imported."""
        return self.rows[Outcome.FAILED]
