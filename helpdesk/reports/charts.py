"""The geometry of small charts; the templates draw them as inline SVG; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helpdesk.reports.compliance import Tally

# Of a chart, in the units of its view box.
HEIGHT = 120.0
WIDTH = 600.0
# Of its slot.
_BAR = 0.52
# Room for a bar's number above it.
_HEADROOM = 18.0


@dataclass(frozen=True)
class Bar:
    """A bar of two parts, the breached one upon the met one.

    Attributes:
        x, width, middle: its left edge, its width, and the middle of its slot.
        met_y, met_height, breached_y, breached_height: the two parts, downwards from the top.
        top: where its number stands.
    """

    label: str
    tally: Tally
    x: float
    width: float
    middle: float
    met_y: float
    met_height: float
    breached_y: float
    breached_height: float
    top: float


@dataclass(frozen=True)
class Chart:
    """Bars side by side on one scale."""

    bars: Sequence[Bar]
    width: float = WIDTH
    height: float = HEIGHT


def counts_chart(columns: Sequence[tuple[str, Tally]]) -> Chart:
    """Return bars as high as what was decided, the fullest one filling the chart."""
    most = max((tally.decided for _, tally in columns), default=0) or 1
    return _chart(columns, [(HEIGHT - _HEADROOM) / most] * len(columns))


def shares_chart(columns: Sequence[tuple[str, Tally]]) -> Chart:
    """Return bars of full height where anything was decided, divided by what was met."""
    return _chart(columns, [(HEIGHT - _HEADROOM) / (tally.decided or 1) for _, tally in columns])


def _chart(columns: Sequence[tuple[str, Tally]], scales: Sequence[float]) -> Chart:
    bars = [
        _bar(label, tally, number, scale, WIDTH / len(columns))
        for number, ((label, tally), scale) in enumerate(zip(columns, scales, strict=True))
    ]
    return Chart(bars)


def _bar(label: str, tally: Tally, number: int, scale: float, slot: float) -> Bar:
    met, breached = tally.met * scale, tally.breached * scale
    middle = slot * (number + 0.5)
    return Bar(
        label=label,
        tally=tally,
        x=middle - slot * _BAR / 2,
        width=slot * _BAR,
        middle=middle,
        met_y=HEIGHT - met,
        met_height=met,
        breached_y=HEIGHT - met - breached,
        breached_height=breached,
        top=HEIGHT - met - breached - 5,
    )
