"""Read a corpus with queries and judgements in the BEIR layout, and say plainly what is wrong with one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Qrels = dict[str, dict[str, int]]
# Where the corpora of a data folder lie.
_INSIDE = ("", "retrieval/stackfaq", "stackfaq")


class BadCorpus(SystemExit):
    """A corpus cannot be read; the message says in a sentence what is missing."""


@dataclass(frozen=True)
class Document:
    """A document; it has a title, a text or both."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Judged:
    """A corpus with queries and graded judgements of them; every query has at least one relevant document.

    Attributes:
        qrels: grade by query and document, zero for what was judged not to be relevant.
    """

    name: str
    documents: list[Document]
    queries: dict[str, str]
    qrels: Qrels


def read_folder(folder: Path) -> Judged:
    """Read a folder with `corpus.jsonl`, one `queries*.jsonl` and one `qrels*.tsv`, or the data folder above it."""
    if not folder.is_dir():
        raise BadCorpus(f"{folder} is no folder.")
    for place in _INSIDE:
        if (folder / place / "corpus.jsonl").is_file():
            found = folder / place
            return read_files(found / "corpus.jsonl", _one(found, "queries*.jsonl"), _qrels_in(found))
    raise BadCorpus(f"{folder} has no corpus.jsonl.")


def read_files(corpus: Path, queries: Path, qrels: Path) -> Judged:
    """Read the three files; queries that nothing is relevant for, and judgements of unknown queries, are left out."""
    documents = [
        Document(_text_of(row, "_id", corpus, line), str(row.get("title") or ""), str(row.get("text") or ""))
        for line, row in _rows(corpus)
    ]
    known = {document.id for document in documents}
    if len(known) < len(documents):
        raise BadCorpus(f"{corpus} has the same _id twice.")
    documents = [document for document in documents if document.title.strip() or document.text.strip()]
    judged = _read_qrels(qrels)
    answered = {key for key, grades in judged.items() if any(grades[one] > 0 for one in known & grades.keys())}
    texts = {_text_of(row, "_id", queries, line): str(row.get("text") or "") for line, row in _rows(queries)}
    asked = {key: text for key, text in texts.items() if key in answered and text.strip()}
    if not documents:
        raise BadCorpus(f"{corpus} has no documents.")
    if not asked:
        raise BadCorpus(f"No query of {queries} has a relevant document of {corpus} in {qrels}.")
    return Judged(corpus.parent.name, documents, asked, {key: judged[key] for key in asked})


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise BadCorpus(f"{folder} has no {pattern}.")
    if len(found) > 1:
        raise BadCorpus(f"{folder} has several {pattern}; name the files with --corpus, --queries and --qrels.")
    return found[0]


def _qrels_in(folder: Path) -> Path:
    return _one(folder / "qrels", "*.tsv") if (folder / "qrels").is_dir() else _one(folder, "qrels*.tsv")


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            raise BadCorpus(f"{file}, line {number} is not JSON.") from None
        if not isinstance(row, dict):
            raise BadCorpus(f"{file}, line {number} is no JSON object.")
        yield number, row


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise BadCorpus(f"{file} is no file.")
    # Not splitlines(): texts may hold separators of other kinds than the end of a line.
    try:
        return file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise BadCorpus(f"{file} is not UTF-8 text.") from None
    except OSError as error:
        raise BadCorpus(f"{file} cannot be read: {error.strerror}.") from None


def _text_of(row: dict[str, Any], key: str, file: Path, line: int) -> str:
    if row.get(key) in (None, ""):
        raise BadCorpus(f"{file}, line {line} has no {key}.")
    return str(row[key])


def _read_qrels(file: Path) -> Qrels:
    """Read `query document grade`, with or without a header, or the four columns of TREC."""
    judged: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
        if len(cells) == 4:
            query, _, document, grade = cells
        elif len(cells) == 3:
            query, document, grade = cells
        else:
            raise BadCorpus(f"{file}, line {number} has {len(cells)} columns; 3 or 4 are expected.")
        try:
            judged[query][document] = int(float(grade))
        except (ValueError, OverflowError):
            if number > 1:
                raise BadCorpus(f"{file}, line {number}: {grade!r} is no grade.") from None
    if not judged:
        raise BadCorpus(f"{file} has no judgements.")
    return dict(judged)
