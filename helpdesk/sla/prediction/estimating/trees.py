"""Boosted trees: grown by either library, written as arrays, read where they are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from helpdesk.sla.prediction.estimating import histogram_trees, lightgbm_trees
from helpdesk.sla.prediction.estimating.library import HISTOGRAM, LIGHTGBM, boosting_library
from helpdesk.sla.prediction.estimating.table import Floats

ROUNDS = 200


class Trees(Protocol):
    """Trees whose leaves add up to the logarithm of the odds."""

    @property
    def library(self) -> str:
        """Return the name of the library that grew them."""

    def margins(self, rows: Floats) -> Floats:
        """Return the log odds of each row."""

    def contributions(self, rows: Floats) -> Floats:
        """Return what each column adds to the log odds of each row, float64 [rows, columns]."""

    def write(self) -> dict[str, NDArray[Any]]:
        """Return the trees as arrays without objects."""


class TreesUnreadable(Exception):
    """The trees were grown by a library that is not here."""


def grow(rows: Floats, outcomes: Floats, weights: Floats, *, native: Sequence[int], rounds: int = ROUNDS) -> Trees:
    """Grow trees with the library that is here; the same rows give the same trees.

    Args:
        native: the columns that hold codes without an order.
    """
    if boosting_library().name == LIGHTGBM:
        return lightgbm_trees.grow(rows, outcomes, weights, native=native, rounds=rounds)
    return histogram_trees.grow(rows, outcomes, weights, rounds=rounds)


def read_trees(library: str, arrays: Mapping[str, NDArray[Any]]) -> Trees:
    """Return the trees that `Trees.write` wrote.

    Raises:
        TreesUnreadable: they are of LightGBM, which is not here.
    """
    if library == HISTOGRAM:
        return histogram_trees.read(arrays)
    here = boosting_library()
    if here.name != LIGHTGBM:
        raise TreesUnreadable(here.reason)
    return lightgbm_trees.read(arrays)
