from __future__ import annotations

from pathlib import Path

from helpdesk.measures.calibration import reliability
from helpdesk.measures.reliability_chart import draw


def test_a_chart_is_written_as_png(tmp_path: Path) -> None:
    path = tmp_path / "chart.png"
    draw({"category": reliability([0.1, 0.9], [0, 1]), "nothing": []}, path, "Triage")
    assert path.read_bytes().startswith(b"\x89PNG")
