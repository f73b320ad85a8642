from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from scripts.bench.labelled_texts import Labelled, Refused, read_labelled


def _written(path: Path, text: str) -> Path:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["texts.csv", "texts.csv.gz"])
def test_rows_of_a_table_are_read_and_those_without_text_or_label_left_out(tmp_path: Path, name: str) -> None:
    path = _written(tmp_path / name, 'id,q,kind\n1,"a, b",x\n2,,x\n3,c,\n4, d ,y\n')
    assert read_labelled(path, text="q", label="kind") == [Labelled("a, b", "x"), Labelled("d", "y")]


def test_objects_a_line_are_read_and_labels_may_be_numbers(tmp_path: Path) -> None:
    path = _written(tmp_path / "texts.jsonl", '{"q": "a", "kind": 3}\n\n{"q": "b", "kind": null}\n')
    assert read_labelled(path, text="q", label="kind") == [Labelled("a", "3")]


def test_rows_can_be_chosen_by_a_column(tmp_path: Path) -> None:
    path = _written(tmp_path / "texts.csv", "q,kind,split\na,x,train\nb,y,dev\n")
    assert read_labelled(path, text="q", label="kind", where=("split", "dev")) == [Labelled("b", "y")]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("texts.csv", "q,other\na,b\n", "no column 'kind'; it has 'q', 'other'"),
        ("texts.csv", "q,kind\n", "has no rows"),
        ("texts.csv", "q,kind\na,\n", "no row with a text and a label"),
        ("texts.jsonl", "{broken\n", "cannot be read"),
        ("texts.jsonl", "[1]\n", "no JSON object"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(tmp_path: Path, name: str, content: str, says: str) -> None:
    path = _written(tmp_path / name, content)
    with pytest.raises(Refused, match=says):
        read_labelled(path, text="q", label="kind")


def test_a_file_that_is_not_there_or_no_archive_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="There is no file"):
        read_labelled(tmp_path / "none.csv", text="q", label="kind")
    (tmp_path / "texts.csv.gz").write_bytes(b"not packed")
    with pytest.raises(Refused, match="cannot be read"):
        read_labelled(tmp_path / "texts.csv.gz", text="q", label="kind")
