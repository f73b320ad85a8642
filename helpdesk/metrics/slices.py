"""Figures, and what they are split by: one dimension at a time, beside the total."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum


class Slice(StrEnum):
    """A dimension of a ticket, as it was when the bucket ended."""

    AGENT = "agent"
    TEAM = "team"
    COMPANY = "company"
    PRIORITY = "priority"
    CATEGORY = "category"
    CHANNEL = "channel"


# Slices whose values can be many: figures of what stands still are kept only for those with anything happening.
MANY = frozenset({Slice.AGENT, Slice.COMPANY, Slice.CATEGORY})
MOST_VALUES = 1000


@dataclass(frozen=True)
class Figure:
    """One figure: what the metric says of its dimensions, and how many cases it is drawn from."""

    metric: str
    dimensions: dict[str, str]
    value: float | None
    count: int

    @property
    def dimension_key(self) -> str:
        """Return the key of its dimensions: empty for the total, else JSON without spaces."""
        return json.dumps(self.dimensions, sort_keys=True, separators=(",", ":")) if self.dimensions else ""
