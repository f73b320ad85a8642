"""Figures that must not be missed: `NAME=VALUE`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from helpdesk.evaluation.measure import Figure


@dataclass(frozen=True)
class Floor:
    """A value that a figure must reach, or must not exceed where less is better.

    Attributes:
        name: part, field and measure, such as `triage.category.accuracy`.
        at_most: whether less is better.
    """

    name: str
    value: float
    at_most: bool

    def missed(self, figures: Iterable[Figure]) -> str:
        """Return how it is missed, in a sentence; empty where it is kept."""
        found = next((one for one in figures if one.name == self.name), None)
        if found is None:
            return f"{self.name} was not measured, so nothing says that its floor is kept."
        if self.at_most and found.value > self.value:
            return f"{self.name} is {found.value:.3f}, above {self.value:g}."
        if not self.at_most and found.value < self.value:
            return f"{self.name} is {found.value:.3f}, below {self.value:g}."
        return ""


def read_floors(said: Sequence[str]) -> list[Floor]:
    """Read floors; end the command where one cannot be read."""
    return [_read(one) for one in said]


def _read(said: str) -> Floor:
    from helpdesk.evaluation.measure import MEASURES  # noqa: PLC0415 (slow to import for commands that need none)
    from helpdesk.evaluation.work import PARTS  # noqa: PLC0415

    name, _, number = said.partition("=")
    parts = name.strip().split(".")
    if len(parts) != 3 or parts[0] not in PARTS or parts[2] not in MEASURES:
        raise typer.BadParameter(
            f"{name!r} names no figure: it takes part.field.measure, such as triage.category.accuracy",
            param_hint="--floor",
        )
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter(f"{number!r} is no number", param_hint="--floor")
    return Floor(name.strip(), value, at_most=MEASURES[parts[2]].wanted == "low")
