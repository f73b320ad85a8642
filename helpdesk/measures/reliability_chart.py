"""Draw promise against outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from helpdesk.measures.calibration import Bin


def draw(series: Mapping[str, Sequence[Bin]], path: Path, title: str) -> None:
    """Write a PNG with one line a series over the diagonal of kept promises, and below how many answers each bin has.

    Raises:
        OSError: the file cannot be written.
    """
    # Only who draws pays for it: it takes longer to import than most commands to run.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(6, 7), layout="constrained")
    FigureCanvasAgg(figure)
    promises, counts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    promises.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="kept promises")
    for name, bins in series.items():
        promises.plot([one.promised for one in bins], [one.observed for one in bins], marker="o", label=name)
        counts.step([one.promised for one in bins], [one.count for one in bins], where="mid")
    promises.set(title=title, ylabel="share that came true", xlim=(0, 1), ylim=(0, 1))
    promises.legend()
    counts.set(xlabel="promised probability", ylabel="answers")
    figure.savefig(path, dpi=110, format="png")
