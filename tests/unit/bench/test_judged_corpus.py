from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "scripts/bench"
sys.path.append(str(BENCH))

from judged_corpus import BadCorpus, read_files, read_folder  # noqa: E402 -- from the folder above

DOCUMENTS = [{"_id": "a/1 ü", "text": "Restart the printer."}, {"_id": "b", "title": "VPN", "text": ""}]
QUERIES = [{"_id": "q 1", "text": "printer"}, {"_id": "q2", "text": "vpn"}, {"_id": "q3", "text": "nobody knows"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in DOCUMENTS))
    (tmp_path / "queries_dev.jsonl").write_text("".join(json.dumps(row) + "\n\n" for row in QUERIES))
    (tmp_path / "qrels_dev.tsv").write_text("query-id\tcorpus-id\tscore\nq 1\ta/1 ü\t2\nq2\tb\t1\nq2\ta/1 ü\t0\n")
    return tmp_path


def test_a_folder_is_read_whatever_its_ids_are(folder: Path) -> None:
    judged = read_folder(folder)
    assert [document.id for document in judged.documents] == ["a/1 ü", "b"]
    assert judged.queries == {"q 1": "printer", "q2": "vpn"}
    assert judged.qrels == {"q 1": {"a/1 ü": 2}, "q2": {"b": 1, "a/1 ü": 0}}


def test_the_data_folder_above_is_taken_too(tmp_path: Path, folder: Path) -> None:
    above = tmp_path / "data"
    inside = above / "retrieval/stackfaq"
    inside.mkdir(parents=True)
    for file in folder.glob("*.*"):
        (inside / file.name).write_text(file.read_text())
    assert len(read_folder(above).queries) == 2


@pytest.mark.parametrize(
    "qrels", ["q2 0 b 1\n", "q2\tb\t1\n", "q2 b 1\n", "\ufeffquery-id\tcorpus-id\tscore\nq2\tb\t1\n"]
)
def test_judgements_are_read_with_and_without_a_header_and_as_trec_writes_them(folder: Path, qrels: str) -> None:
    (folder / "qrels_dev.tsv").write_text(qrels)
    assert read_folder(folder).qrels == {"q2": {"b": 1}}


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("corpus.jsonl", "", "has no documents"),
        ("corpus.jsonl", "{]\n", "line 1 is not JSON"),
        ("corpus.jsonl", '{"text": "x"}\n', "line 1 has no _id"),
        ("corpus.jsonl", '{"_id": "a", "text": "x"}\n' * 2, "same _id twice"),
        ("qrels_dev.tsv", "", "has no judgements"),
        ("qrels_dev.tsv", "q2 b\n", "has 2 columns"),
        ("qrels_dev.tsv", "q2\tb\t1\nq2\tb\thigh\n", "is no grade"),
        ("qrels_dev.tsv", "q2\tb\t1\nq2\tb\tinf\n", "is no grade"),
        ("qrels_dev.tsv", "q2\tunknown\t1\n", "No query"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(folder: Path, file: str, content: str, complaint: str) -> None:
    (folder / file).write_text(content)
    with pytest.raises(BadCorpus, match=complaint):
        read_folder(folder)


def test_a_file_in_another_encoding_is_named(folder: Path) -> None:
    (folder / "corpus.jsonl").write_bytes(b"\xff\xfe{\x00}\x00")
    with pytest.raises(BadCorpus, match=r"corpus\.jsonl is not UTF-8 text"):
        read_folder(folder)


def test_missing_files_are_named(folder: Path) -> None:
    (folder / "qrels_dev.tsv").unlink()
    with pytest.raises(BadCorpus, match=r"has no qrels\*\.tsv"):
        read_folder(folder)
    with pytest.raises(BadCorpus, match="is no file"):
        read_files(folder / "corpus.jsonl", folder / "queries_dev.jsonl", folder / "qrels.tsv")


@pytest.mark.parametrize(
    "arguments",
    [[], ["--data", "nowhere"], ["--corpus", "x"], ["--data", "{folder}", "--fit", "2"]],
)
def test_bad_input_ends_the_bench_with_one_sentence(folder: Path, arguments: list[str]) -> None:
    command = [sys.executable, str(BENCH / "retrieval"), *(one.format(folder=folder) for one in arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert len(ended.stderr.strip().splitlines()) == 1


def test_exact_words_make_the_same_questions_from_the_same_seed(tmp_path: Path) -> None:
    articles = tmp_path / "articles.jsonl"
    rows = [
        {"article_id": f"a{place}", "title": "Part", "body_markdown": f"Open **Panel {place}** at `HL-8{place}`."}
        for place in range(12)
    ]
    articles.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in ("one", "two"):
        command = [sys.executable, str(BENCH / "exact_words"), "--articles", str(articles), "--queries", "15"]
        subprocess.run([*command, "--out", str(tmp_path / name)], check=True, capture_output=True)
    one, two = read_folder(tmp_path / "one"), read_folder(tmp_path / "two")
    assert one.queries == two.queries
    assert one.qrels == two.qrels
    assert all(any(row["article_id"] in grades for row in rows) for grades in one.qrels.values())
