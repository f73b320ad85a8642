"""What was seen, drawn over time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.soak.load import Request
from tests.soak.samples import Sample
from tests.soak.verdicts import p99

_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 60


def in_text(samples: Sequence[Sample], requests: Sequence[Request]) -> list[tuple[str, str, str]]:
    """Return for each series its name, a line of bars from nothing to its highest value, and its last value."""
    lines = [
        (
            f"{name} memory",
            _bars([s.memory_bytes[name] for s in samples]),
            f"{samples[-1].memory_bytes[name] / 1e6:.0f} MB",
        )
        for name in samples[0].memory_bytes
    ]
    connections = [sum(sample.connections.values()) for sample in samples]
    lines.append(("connections", _bars(connections), str(connections[-1])))
    lines.append(("dead rows", _bars([sample.dead_rows for sample in samples]), f"{samples[-1].dead_rows:,}"))
    lines.append(("work that waits", _bars([sample.waiting for sample in samples]), f"{samples[-1].waiting:,}"))
    late = [p99(_between(requests, a.at, b.at)) for a, b in itertools.pairwise(samples)]
    lines.append(("p99 of requests", _bars(late), f"{1000 * (late or [0.0])[-1]:.0f} ms"))
    return lines


def _between(requests: Sequence[Request], began: float, ended: float) -> list[Request]:
    return [request for request in requests if began <= request.at < ended]


def _bars(values: Sequence[float]) -> str:
    highest = max(values, default=0) or 1
    parts = np.array_split(np.array(values, dtype=float), min(_WIDTH, max(1, len(values))))
    return "".join(_BARS[round((len(_BARS) - 1) * float(part.mean()) / highest)] for part in parts if len(part))


def as_picture(samples: Sequence[Sample], requests: Sequence[Request], path: Path) -> None:
    """Write the same as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    began = samples[0].at
    minutes = [(sample.at - began) / 60 for sample in samples]
    figure = Figure(figsize=(9, 11), layout="constrained")
    FigureCanvasAgg(figure)
    memory, connections, rows, latency = figure.subplots(4, 1, sharex=True)
    for name in samples[0].memory_bytes:
        memory.plot(minutes, [sample.memory_bytes[name] / 1e6 for sample in samples], label=name)
    memory.set(ylabel="resident memory, MB", ylim=(0, None))
    memory.legend(ncols=5, fontsize="small")
    connections.plot(minutes, [sum(sample.connections.values()) for sample in samples])
    connections.set(ylabel="connections", ylim=(0, None))
    rows.plot(minutes, [sample.dead_rows for sample in samples], label="dead rows")
    rows.plot(minutes, [sample.waiting for sample in samples], label="work that waits")
    rows.set(ylabel="rows", ylim=(0, None))
    rows.legend(fontsize="small")
    for kind in sorted({request.kind for request in requests}):
        of_kind = [request for request in requests if request.kind == kind]
        late = [1000 * p99(_between(of_kind, a.at, b.at)) for a, b in itertools.pairwise(samples)]
        latency.plot(minutes[1:], late, label=kind)
    latency.set(xlabel="minutes", ylabel="p99, ms", ylim=(0, None))
    latency.legend(ncols=5, fontsize="small")
    figure.savefig(path, dpi=100, format="png")
