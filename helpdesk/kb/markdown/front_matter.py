"""The YAML block that a Markdown file begins with: read strictly, so that a slip is told and never guessed at; pure.

Every value is read as the text that stands there: `no` is a language and 2026-11-22 a date only where one is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml
from frontmatter.default_handlers import YAMLHandler

from helpdesk.errors import Invalid

_LONGEST = 64_000
_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}

Value = str | tuple[str, ...]


class FileRefused(Invalid):
    """A file cannot be taken over as an article."""

    def __init__(self, detail: str, *, line: int | None = None, field: str | None = None) -> None:
        super().__init__(detail, line=line, field=field)
        self.line = line
        self.field = field


@dataclass(frozen=True)
class FrontMatter:
    """What the block says.

    Attributes:
        values: by name; an empty text where the file takes a value away.
        lines: where each name stands, from 1.
    """

    values: dict[str, Value]
    lines: dict[str, int]

    def refusal(self, field: str, reason: str) -> FileRefused:
        """Return the refusal of a value, with its line."""
        return FileRefused(reason, line=self.lines.get(field), field=field)


class _Block(YAMLHandler):
    """Finds the block: lines of three hyphens, with nothing after them."""

    FM_BOUNDARY = re.compile(r"^---[ \t]*$\n?", re.MULTILINE)


class _PlainLoader(yaml.BaseLoader):
    """Reads texts, lists and mappings alone; nothing that refers to something else, or that would make an object."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse references, by which a small file becomes a huge one."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "references (*name) are not read", mark)
        node = super().compose_node(parent, index)
        if node is not None and node.tag not in _PLAIN_TAGS:
            mark = node.start_mark
            raise yaml.constructor.ConstructorError(None, None, f"the tag {node.tag!r} is not read", mark)
        return node


_BLOCK = _Block()


def plain_text(data: bytes) -> str:
    """Return a file's text with plain line ends and no byte order mark.

    Raises:
        FileRefused: it is not UTF-8, or holds a NUL character.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileRefused("The file is not text in UTF-8.", line=line) from error
    if "\0" in text:
        raise FileRefused("The file holds a NUL character.", line=text.count("\n", 0, text.index("\0")) + 1)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_text(text: str) -> tuple[str | None, str]:
    """Return (the block without its lines of hyphens, the text after it); None where a text begins with no block.

    Raises:
        FileRefused: the block has no end.
    """
    if not _BLOCK.detect(text):
        return None, text
    try:
        block, rest = _BLOCK.split(text)
    except ValueError as error:
        raise FileRefused("The front matter that begins here has no end (a line ---).", line=1) from error
    return block, rest


def read_front_matter(block: str) -> FrontMatter:
    """Return what a block says.

    Raises:
        FileRefused: it is no YAML, is too long, or has something in it that is neither a text nor a list of texts.
    """
    if len(block) > _LONGEST:
        raise FileRefused(f"The front matter is longer than {_LONGEST:,} characters.", line=1)
    try:
        node = yaml.compose(block, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or "it cannot be read"
        # The block begins on the second line, and marks count from 0.
        line = mark.line + 2 if mark else 1
        raise FileRefused(f"The front matter is not plain YAML: {reason}.", line=line) from error
    except yaml.reader.ReaderError as error:
        line = block.count("\n", 0, int(error.position)) + 2
        raise FileRefused("The front matter holds a character that YAML does not allow.", line=line) from error
    except RecursionError as error:
        raise FileRefused("The front matter is nested too deeply.", line=1) from error
    if node is None:
        return FrontMatter({}, {})
    if not isinstance(node, yaml.MappingNode):
        raise FileRefused("The front matter has no names and values.", line=2)
    return _read_pairs(node)


def _read_pairs(node: yaml.MappingNode) -> FrontMatter:
    found = FrontMatter({}, {})
    for key, value in node.value:
        line = key.start_mark.line + 2
        if not isinstance(key, yaml.ScalarNode):
            raise FileRefused("A name in the front matter is a plain word.", line=line)
        if key.value in found.values:
            raise FileRefused(f"The front matter says {key.value!r} twice.", line=line, field=key.value)
        found.values[key.value] = _read_value(key.value, value)
        found.lines[key.value] = line
    return found


def _read_value(name: str, node: yaml.Node) -> Value:
    if isinstance(node, yaml.ScalarNode):
        is_null = node.style is None and node.value in {"~", "null", "Null", "NULL"}
        return "" if is_null else str(node.value)
    if isinstance(node, yaml.SequenceNode) and all(isinstance(item, yaml.ScalarNode) for item in node.value):
        return tuple(str(item.value) for item in node.value)
    line = node.start_mark.line + 2
    raise FileRefused(f"{name!r} is a text or a list of texts.", line=line, field=name)


def write_front_matter(values: dict[str, Any], body: str) -> str:
    """Return a file of values and a text, which `split_text` and `read_front_matter` read back."""
    block = _BLOCK.export(values, sort_keys=False, width=10_000)
    return f"---\n{block}\n---\n\n{body}\n"
