"""The measurement of indexing, in its shortest form."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.scripted_ollama import serve_scripted_ollama

BENCH = Path(__file__).parents[3] / "scripts/bench/indexing"


def test_the_bench_counts_what_indexing_embeds(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, str(BENCH), "--articles", "4", "--tickets", "3", "--rounds", "2", "--json", str(file)]
    with serve_scripted_ollama() as runtime:
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | {"OLLAMA_HOST": runtime.url}
        )
    assert ended.returncode == 0, ended.stderr
    said = json.loads(file.read_text())
    assert len(said["rounds"]) == 2
    for figures in said["rounds"]:
        assert (figures["edited: documents"], figures["edited: embeddings"]) == (4, 4)
        # Question, reply and resolution of each.
        assert figures["tickets: embeddings"] == figures["tickets: passages"] >= 9
        assert figures["articles: passages"] >= 4 * 8
        assert figures["unchanged: documents/s"] > 0
