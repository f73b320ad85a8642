"""An evaluation as tables, and how far it is while it works."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.status import Status

from helpdesk.cli.jobs.output import print_table

if TYPE_CHECKING:
    from helpdesk.evaluation.comparing import Difference
    from helpdesk.evaluation.evaluating import Evaluation


class Progress:
    """Tells on standard error what is being scored: in one line on a terminal, else once a part."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._told = ""

    def __enter__(self) -> Self:
        """Begin to tell."""
        if sys.stderr.isatty():
            self._status = Console(stderr=True).status("Beginning")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the line."""
        if self._status is not None:
            self._status.stop()

    def tell(self, what: str, done: int, of: int) -> None:
        """Tell what is being done, how much of it, and of how much (0 where nobody knows)."""
        if self._status is not None:
            self._status.update(f"{what} {done}/{of}" if of else f"{what} {done}")
        elif what != self._told:
            print(what, file=sys.stderr)
        self._told = what


def print_figures(found: Evaluation) -> None:
    """Print the figures with their intervals, what could not be measured, and what to know about it."""
    from helpdesk.evaluation.measure import MEASURES  # noqa: PLC0415 (slow to import for commands that need none)

    print_table(
        [
            (one.part, one.field, MEASURES[one.measure].title, _plain(one.value), _span(one.low, one.high), one.n)
            for one in found.figures
        ],
        "PART", "FIELD", "FIGURE", "VALUE", "95 % INTERVAL", "N",
        whole=("VALUE", "95 % INTERVAL"),
    )  # fmt: skip
    if found.missing:
        print("\nToo little data:")
        for lack in found.missing:
            print(f"  {lack.part} {lack.field}: {lack.sentence}")
    if found.notes:
        print("\nNotes:")
        for note in found.notes:
            print(f"  {note}")
    took = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in found.seconds.items())
    print(f"\nText model: {_text_model(found)}. Took {took}.")


def print_differences(differences: Sequence[Difference]) -> None:
    """Print what is different from an earlier run; nothing without one."""
    from helpdesk.evaluation.measure import MEASURES  # noqa: PLC0415 (as above)

    if not differences:
        return
    print("\nAgainst the earlier run:")
    print_table(
        [
            (
                one.part,
                one.field,
                MEASURES[one.measure].title,
                _plain(one.before),
                _plain(one.now),
                f"{one.by:+.3f}",
                f"{one.low:+.3f} … {one.high:+.3f}",
                "same cases" if one.paired else "other cases",
                one.word,
            )
            for one in differences
        ],
        "PART", "FIELD", "FIGURE", "BEFORE", "NOW", "BY", "95 % INTERVAL", "ON", "VERDICT",
        whole=("95 % INTERVAL", "VERDICT"),
    )  # fmt: skip


def _plain(value: float) -> str:
    return f"{value:.3f}"


def _span(low: float, high: float) -> str:
    return f"{low:.3f} … {high:.3f}"


def _text_model(found: Evaluation) -> str:
    named = found.made_with["text_model"]
    return "none took part" if named is None else str(named["name"])
