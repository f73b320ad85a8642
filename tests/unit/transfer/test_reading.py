import json
from pathlib import Path

import pytest

from helpdesk.transfer.error_file import ErrorFile
from helpdesk.transfer.inputs import InputFormat, open_input
from helpdesk.transfer.rows import Reading, Row, RowError, UnreadableInput


def _write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _read(reading: Reading) -> tuple[list[Row], list[RowError]]:
    every = list(reading.rows)
    return [row for row in every if isinstance(row, Row)], [row for row in every if isinstance(row, RowError)]


def test_a_byte_order_mark_before_json_is_no_part_of_it(tmp_path):
    rows, errors = _read(open_input(_write(tmp_path, "t.jsonl", b'\xef\xbb\xbf{"subject": "VPN"}\r\n')))
    assert [row.values for row in rows] == [{"subject": "VPN"}]
    assert errors == []


def test_each_broken_json_line_is_one_error_with_its_number_and_the_others_are_read(tmp_path):
    lines = [b'{"a": 1}', b"{oops", b"", b"[1]", b'{"a": "\xff"}', b'{"a": NaN}', b"[" * 100_000, b'{"a": 2}']
    rows, errors = _read(open_input(_write(tmp_path, "t.jsonl", b"\n".join(lines))))
    assert [(row.line, row.values["a"]) for row in rows] == [(1, 1), (8, 2)]
    assert [error.line for error in errors] == [2, 4, 5, 6, 7]
    said = [error.sentence for error in errors]
    assert "not JSON" in said[0]
    assert "not a JSON object" in said[1]
    assert "not text in UTF-8 at byte 8" in said[2]
    assert "NaN" in said[3]
    assert "nested too deeply" in said[4] or "not JSON" in said[4]


def test_the_position_of_the_last_row_is_the_size_of_the_file(tmp_path):
    path = _write(tmp_path, "t.jsonl", b'{"a": 1}\n{"a": 2}\n')
    reading = open_input(path)
    assert [row.position for row in reading.rows] == [9, 18]
    assert reading.total == 18


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_table_is_found_even_when_its_prose_is_full_of_commas(tmp_path, delimiter):
    table = f'subject{delimiter}body\nVPN{delimiter}"no, really, it is, well, down"\nMail{delimiter}"so, what, now"\n'
    rows, errors = _read(open_input(_write(tmp_path, "t.csv", table.encode())))
    assert [row.values for row in rows] == [
        {"subject": "VPN", "body": "no, really, it is, well, down"},
        {"subject": "Mail", "body": "so, what, now"},
    ]
    assert errors == []


def test_a_cell_of_several_lines_is_one_row_and_the_next_row_knows_its_line(tmp_path):
    table = b'\xef\xbb\xbfsubject,body\r\na,"one\r\ntwo"\r\nb,three\r\n'
    rows, _ = _read(open_input(_write(tmp_path, "t.csv", table)))
    assert [(row.line, row.values) for row in rows] == [
        (2, {"subject": "a", "body": "one\r\ntwo"}),
        (4, {"subject": "b", "body": "three"}),
    ]


def test_a_row_of_the_wrong_length_is_an_error_and_an_empty_line_is_nothing(tmp_path):
    rows, errors = _read(open_input(_write(tmp_path, "t.csv", b"a,b\n1,2\n\n1,2,3\n1\n3,4\n")))
    assert [row.line for row in rows] == [2, 6]
    assert [(error.line, error.sentence) for error in errors] == [
        (4, "The row has 3 cells where the header has 2."),
        (5, "The row has 1 cells where the header has 2."),
    ]


def test_a_quote_that_is_never_closed_costs_one_row_only(tmp_path):
    rows, errors = _read(open_input(_write(tmp_path, "t.csv", b'a,b\n1,2\n3,"open\n5,6\n7,8\n')))
    assert [row.values["a"] for row in rows] == ["1", "5", "7"]
    assert [(error.line, error.sentence) for error in errors] == [(3, "A quote that opens on line 3 is never closed.")]


def test_a_cell_larger_than_the_csv_module_allows_by_default_is_read(tmp_path):
    rows, errors = _read(open_input(_write(tmp_path, "t.csv", b"a,b\n1," + b"x" * 150_000 + b"\n2,y\n")))
    assert [len(row.values["b"]) for row in rows] == [150_000, 1]
    assert errors == []


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("t.csv", "a,b\n".encode("utf-16"), "UTF-16"),
        ("t.csv", b"a,b,a\n1,2,3\n", "column 'a' twice"),
        ("t.csv", b"a,b\xff\n1,2\n", "not text in UTF-8"),
    ],
)
def test_an_input_that_cannot_be_read_at_all_says_why(tmp_path, name, data, reason):
    with pytest.raises(UnreadableInput, match=reason):
        list(open_input(_write(tmp_path, name, data)).rows)


def test_a_name_that_tells_nothing_needs_a_format(tmp_path):
    path = _write(tmp_path, "tickets.txt", b'{"a": 1}\n')
    with pytest.raises(UnreadableInput, match="--format"):
        open_input(path)
    assert len(list(open_input(path, form=InputFormat.JSONL).rows)) == 1


def test_a_folder_gives_its_articles_with_title_words_and_path_as_id(tmp_path):
    (tmp_path / "network").mkdir()
    (tmp_path / ".git").mkdir()
    _write(tmp_path, ".git/hidden.md", b"# hidden")
    _write(tmp_path, "notes.txt", b"not an article")
    _write(tmp_path, "a.md", b"---\ntitle: From the front\ntags: [vpn]\n---\n# Heading\n\nWords\n")
    _write(tmp_path, "network/b.md", b"Intro\n\n# A heading\n")
    _write(tmp_path, "network/reset-your_router.markdown", b"Just words\n")
    _write(tmp_path, "c.html", b"<title>Page</title><body><h1>Head</h1><p>Hello <b>you</b></p></body>")
    rows, errors = _read(open_input(tmp_path))
    assert {row.values["external_id"]: row.values["title"] for row in rows} == {
        "a.md": "From the front",
        "c.html": "Page",
        "network/b.md": "A heading",
        "network/reset-your_router.markdown": "Reset your router",
    }
    assert rows[0].values["body"] == "# Heading\n\nWords\n"
    assert rows[0].values["tags"] == ["vpn"]
    assert next(row for row in rows if row.file == "c.html").values["body"] == "# Head\n\nHello **you**"
    assert errors == []


def test_a_broken_file_of_a_folder_is_an_error_with_its_name_and_line(tmp_path):
    _write(tmp_path, "bytes.md", b"one\ntwo \xff\n")
    _write(tmp_path, "front.md", b"---\ntitle: ok\nbad: [\n---\nWords\n")
    _write(tmp_path, "good.md", b"# Good\n")
    rows, errors = _read(open_input(tmp_path))
    assert [row.file for row in rows] == ["good.md"]
    assert [(error.file, error.line) for error in errors] == [("bytes.md", 2), ("front.md", 4)]


def test_the_errors_of_a_file_are_written_one_json_object_a_line(tmp_path):
    errors = ErrorFile(tmp_path / "t.errors.jsonl")
    errors.close()
    assert not errors.path.exists()
    errors.add(RowError(7, "The \udcff is wrong.", field="priority", external_id="T-1"))
    errors.add(RowError(9, "No.", file="a.md"))
    errors.close()
    first, second = (json.loads(line) for line in errors.path.read_text().splitlines())
    assert first == {"line": 7, "field": "priority", "external_id": "T-1", "error": "The \udcff is wrong."}
    assert second["file"] == "a.md"
