"""The reliability chart of an evaluation: what probabilities promised against what came true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from helpdesk.evaluation.sample import Sample
from helpdesk.measures.calibration import reliability
from helpdesk.measures.reliability_chart import draw

# All moments of a clock would count it several times.
_LEFT_OUT = frozenset({"prediction.all_moments"})


def draw_reliability(samples: Sequence[Sample], path: Path) -> None:
    """Write a PNG with a line for each sample whose cases promise something; an empty diagram where none does.

    Raises:
        OSError: the file cannot be written.
    """
    series = {}
    for sample in samples:
        outcome = next((name for name in ("right", "came") if name in sample.arrays), None)
        if outcome is None or "promised" not in sample.arrays or sample.name in _LEFT_OUT:
            continue
        if sample.cases >= sample.least:
            series[sample.name] = reliability(sample.arrays["promised"], sample.arrays[outcome])
    draw(series, path, "Promise and outcome")
