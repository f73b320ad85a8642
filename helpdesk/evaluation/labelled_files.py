"""Labelled examples and questions from files of JSON lines, each mistake with the number of its line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpdesk.errors import Invalid
from helpdesk.triage.learning.examples import FIELDS

_LABELS = (*FIELDS, "impact", "urgency")
_LONGEST = 100_000


class BadData(Invalid):
    """A file of labelled data cannot be used."""


@dataclass(frozen=True)
class LabelledText:
    """A ticket's words with the values that people gave it, by field."""

    line: int
    subject: str
    body: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class AskedQuestion:
    """A question and the slug of the article that answers it; None where no article does."""

    line: int
    question: str
    article: str | None


@dataclass(frozen=True)
class LabelledFile:
    """What a file holds, its name, and the hash of its bytes."""

    name: str
    sha: str
    texts: tuple[LabelledText, ...] = ()
    questions: tuple[AskedQuestion, ...] = ()


def read_texts(path: Path) -> LabelledFile:
    """Read labelled examples for triage; raise BadData with the line."""
    raw = _raw(path)
    texts = tuple(_text(path, line, row) for line, row in _rows(path, raw))
    if not texts:
        raise BadData(f"{path} has no examples.")
    return LabelledFile(path.name, hashlib.sha256(raw).hexdigest(), texts=texts)


def read_questions(path: Path) -> LabelledFile:
    """Read questions with the articles that answer them; raise BadData with the line."""
    raw = _raw(path)
    questions = tuple(_question(path, line, row) for line, row in _rows(path, raw))
    if not questions:
        raise BadData(f"{path} has no questions.")
    return LabelledFile(path.name, hashlib.sha256(raw).hexdigest(), questions=questions)


def _raw(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror or error}.") from error


def _rows(path: Path, raw: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, words in enumerate(raw.split(b"\n"), start=1):
        if not words.strip():
            continue
        try:
            row = json.loads(words.decode("utf-8-sig" if line == 1 else "utf-8"))
        except (ValueError, RecursionError) as error:
            raise BadData(f"{path}, line {line}: it is not JSON: {error}.") from error
        if not isinstance(row, dict):
            raise BadData(f"{path}, line {line}: it is no JSON object.")
        yield line, row


def _text(path: Path, line: int, row: Mapping[str, Any]) -> LabelledText:
    known = {"subject", "body", *_LABELS}
    _check_names(path, line, row, known)
    labels = {name: value for name in _LABELS if (value := _words(path, line, row, name)) is not None}
    subject, body = (_words(path, line, row, name) or "" for name in ("subject", "body"))
    if not (subject.strip() or body.strip()):
        raise BadData(f"{path}, line {line}: it has neither a subject nor a body.")
    if not labels:
        raise BadData(f"{path}, line {line}: it has no label; known are {', '.join(_LABELS)}.")
    return LabelledText(line, subject, body, labels)


def _question(path: Path, line: int, row: Mapping[str, Any]) -> AskedQuestion:
    _check_names(path, line, row, {"question", "article"})
    question = _words(path, line, row, "question")
    if question is None or not question.strip():
        raise BadData(f"{path}, line {line}: it has no question.")
    if "article" not in row:
        raise BadData(f"{path}, line {line}: it names no article; null says that none answers it.")
    return AskedQuestion(line, question, _words(path, line, row, "article"))


def _check_names(path: Path, line: int, row: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(row.keys() - known)
    if unknown:
        named = ", ".join(sorted(known))
        raise BadData(f"{path}, line {line}: unknown field {unknown[0]!r}; known are {named}.")


def _words(path: Path, line: int, row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadData(f"{path}, line {line}: {name} is no text.")
    if len(value) > _LONGEST:
        raise BadData(f"{path}, line {line}: {name} has more than {_LONGEST} characters.")
    return value
