"""The measurement of large organisations, in small: it fills the product's own tables and asks its own searches."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.conftest import REPOSITORY


def test_the_measurement_of_size_finds_everything_where_all_is_exact(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [REPOSITORY / "scripts/bench/search_scale", "--sizes", "600", "--queries", "6", "--rounds", "1"]
    ended = subprocess.run(
        [*command, "--dims", "32", "--json", figures],
        # No model takes part.
        env=os.environ | {"ATUM_OLLAMA_HOST": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    [measured] = json.loads(figures.read_text())
    assert [tenant["passages"] for tenant in measured["tenants"]] == [60, 180, 360]
    for tenant in measured["tenants"]:
        assert tenant["graph_indexes"] == 0
        assert tenant["nearest"]["recall"] == tenant["everything"]["agree"] == tenant["articles"]["agree"] == 1.0
        assert 0 < tenant["everything"]["p50"] <= tenant["everything"]["p95"]
