from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[3] / "scripts/bench/retrieval"
DEVICES = ("printer", "scanner", "router", "switch", "beamer", "headset")


def write_corpus(folder: Path) -> None:
    """Write 30 short articles and a question for each, in the words of its title."""
    names = [f"{device} HL-{70 + room}" for device in DEVICES for room in range(5)]
    documents = [{"_id": f"d/{name}", "text": f"The {name} is restarted with its green button."} for name in names]
    queries = [{"_id": f"q {name}", "text": f"how do I restart the {name}?"} for name in names]
    for file, rows in (("corpus.jsonl", documents), ("queries.jsonl", queries)):
        (folder / file).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "qrels.tsv").write_text("".join(f"q {name}\td/{name}\t1\n" for name in names))


def test_the_bench_measures_every_ranking_and_leaves_the_fitted_queries_out(
    tmp_path: Path, embedding_server: str
) -> None:
    write_corpus(tmp_path)
    command = [sys.executable, str(BENCH), "--data", str(tmp_path), "--fit", "20", "--json", str(tmp_path / "f.json")]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"OLLAMA_HOST": embedding_server}
    )
    assert ended.returncode == 0, ended.stderr
    figures = json.loads((tmp_path / "f.json").read_text())
    assert (figures["documents"], figures["queries"], figures["fitted_to"]) == (30, 10, 20)
    assert list(figures["rankings"]) == ["lexical", "vector", "reciprocal ranks", "hybrid (shipped)", "hybrid"]
    assert figures["rankings"]["lexical"]["hit@1"] == 1.0
    assert figures["rankings"]["hybrid"]["nDCG@10"] > 0.9
    assert figures["fit"]["reason"]
