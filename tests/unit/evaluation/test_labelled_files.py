from __future__ import annotations

from pathlib import Path

import pytest

from helpdesk.evaluation.labelled_files import BadData, read_questions, read_texts


def written(folder: Path, words: str) -> Path:
    file = folder / "examples.jsonl"
    file.write_text(words, encoding="utf-8")
    return file


def test_examples_are_read_with_the_labels_they_have(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        '\ufeff{"subject": "VPN drops", "body": "since nine", "category": "network", "type": null}\n\n'
        '{"body": "broken screen", "team": "field"}\n',
    )
    found = read_texts(file)
    assert [(one.line, one.subject, dict(one.labels)) for one in found.texts] == [
        (1, "VPN drops", {"category": "network"}),
        (3, "", {"team": "field"}),
    ]
    assert len(found.sha) == 64


def test_questions_name_their_article_or_that_there_is_none(tmp_path: Path) -> None:
    file = written(
        tmp_path, '{"question": "What is HL-809?", "article": "vpn"}\n{"question": "Lunch?", "article": null}'
    )
    assert [(one.question, one.article) for one in read_questions(file).questions] == [
        ("What is HL-809?", "vpn"),
        ("Lunch?", None),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{nonsense", "line 2: it is not JSON"),
        ("[1]", "line 2: it is no JSON object"),
        ('{"subject": "x", "colour": "red"}', "line 2: unknown field 'colour'"),
        ('{"subject": "x", "category": 7}', "line 2: category is no text"),
        ('{"subject": "x"}', "line 2: it has no label"),
        ('{"subject": " ", "category": "network"}', "line 2: it has neither"),
    ],
)
def test_a_bad_example_is_named_with_its_line(tmp_path: Path, line: str, says: str) -> None:
    file = written(tmp_path, f'{{"subject": "fine", "category": "network"}}\n{line}\n')
    with pytest.raises(BadData, match=says):
        read_texts(file)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"article": "vpn"}', "it has no question"),
        ('{"question": "x"}', "names no article"),
        ('{"question": "x", "article": ["vpn"]}', "article is no text"),
        ('{"question": "x", "slug": "vpn"}', "unknown field 'slug'"),
    ],
)
def test_a_bad_question_is_named_with_its_line(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(BadData, match=f"line 1: .*{says}"):
        read_questions(written(tmp_path, line))


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no examples"):
        read_texts(written(tmp_path, "\n"))
    with pytest.raises(BadData, match="cannot be read: No such file"):
        read_questions(tmp_path / "gone.jsonl")
    with pytest.raises(BadData, match="line 1: it is not JSON"):
        (tmp_path / "raw").write_bytes(b"\xff\xfe{}")
        read_texts(tmp_path / "raw")
