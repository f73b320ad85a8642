"""Read a folder of Markdown and HTML files, one article each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from helpdesk.transfer.article_rows import heading_of
from helpdesk.transfer.markup import html_to_markdown
from helpdesk.transfer.rows import Reading, Row, RowError, RowRefused

_MARKDOWN = frozenset((".md", ".markdown"))
_HTML = frozenset((".html", ".htm"))
_LONGEST_FILE = 16 * 1024 * 1024
# Titles of pages that stand for their folder.
_INDEX_NAMES = frozenset(("index", "readme", "_index"))
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)


def read_folder(folder: Path) -> Reading:
    """Return the articles of a folder and those within; hidden files and folders are passed over."""
    files = sorted(path for path in folder.rglob("*") if _is_article(path.relative_to(folder)) and path.is_file())
    return Reading(_read_files(folder, files), total=len(files))


def _is_article(path: Path) -> bool:
    return path.suffix.lower() in _MARKDOWN | _HTML and not any(part.startswith(".") for part in path.parts)


def _read_files(folder: Path, files: list[Path]) -> Iterator[Row | RowError]:
    for position, path in enumerate(files, 1):
        name = path.relative_to(folder).as_posix()
        try:
            yield Row(1, {"external_id": name} | _values(path), position=position, file=name)
        except OSError as error:
            yield RowError(1, f"The file cannot be read: {error.strerror}.", file=name, position=position)
        except _BrokenFile as error:
            yield RowError(error.line, error.detail, field=error.field, file=name, position=position)


class _BrokenFile(RowRefused):
    """A file holds no article."""

    def __init__(self, detail: str, *, line: int, field: str | None = None) -> None:
        super().__init__(detail, field=field)
        self.line = line


def _values(path: Path) -> dict[str, Any]:
    """Return the fields of an article: those of its front matter, and its title and words."""
    text = _text(path)
    if path.suffix.lower() in _HTML:
        page = html_to_markdown(text)
        return {"title": page.title or heading_of(page.text) or _title_from_name(path), "body": page.text}
    values, body = split_front_matter(text)
    values.setdefault("title", heading_of(body) or _title_from_name(path))
    return values | {"body": body}


def _text(path: Path) -> str:
    if path.stat().st_size > _LONGEST_FILE:
        raise _BrokenFile(f"The file is larger than {_LONGEST_FILE // 1024 // 1024} MB.", line=1)
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _BrokenFile("The file is not text in UTF-8.", line=line) from error


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Return (the fields of the YAML block that a Markdown text begins with, the text after it).

    Raises:
        RowRefused: the block is not YAML, or not a list of names and values.
    """
    block = _FRONT_MATTER.match(text)
    if block is None:
        return {}, text
    try:
        values = yaml.safe_load(block["yaml"])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "it cannot be read"
        # The block begins on the second line, and marks count from 0.
        line = mark.line + 2 if mark else 1
        raise _BrokenFile(f"The front matter is not YAML: {reason}.", line=line, field="front matter") from error
    if values is not None and not isinstance(values, dict):
        raise _BrokenFile("The front matter has no names and values.", line=2, field="front matter")
    return {str(name): value for name, value in (values or {}).items()}, text[block.end() :]


def _title_from_name(path: Path) -> str:
    name = path.parent.name if path.stem.lower() in _INDEX_NAMES else path.stem
    words = re.sub(r"[\W_]+", " ", name).strip()
    return words[:1].upper() + words[1:]
