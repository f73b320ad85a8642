"""From a log event to the fields of one entry of systemd's journal, and to the bytes that the journal takes.

The form is https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. A value that could be taken for the beginning of another field
goes with its length before it, so no text that comes from outside can add a field, end an entry, or begin one.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

# What journald drops, all of the entry or the field: names that are longer, and entries of more than 1024 fields.
_LONGEST_NAME = 64
_MOST_FIELDS = 200
# Of a longer value the message shows the beginning; the field has all of it.
_LONGEST_SHOWN = 2000
_NOT_OF_A_NAME = re.compile(r"[^A-Z0-9_]")
# Names with a meaning to the journal, and those that every entry of ours has.
_TAKEN = re.compile(
    r"(MESSAGE|MESSAGE_ID|PRIORITY|ERRNO|TID|UNIT|USER_UNIT|INVOCATION_ID|USER_INVOCATION_ID|DOCUMENTATION"
    r"|EVENT|SERVICE|LOGGER|SYSLOG_.*|CODE_.*|OBJECT_.*|COREDUMP_.*|[0-9].*|)\Z"
)
# A name of our own for what would otherwise be taken for something else.
_OURS = "ATUM_"
_NEEDS_QUOTES = re.compile(r"""[\s"'=\\]|\A\Z""")
# The journal has them in other fields.
_UNSAID = frozenset(("event", "exception", "service", "timestamp", "level", "logger"))
# Lists of such are written without brackets and quotes.
_WORD = re.compile(r"[\w.:@+-]+")
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_DEBUG = 7


def priority_of(level: int) -> int:
    """Return syslog's number for a level of `logging`: 2 critical, 3 error, 4 warning, 6 info, 7 debug."""
    return next((number for least, number in _PRIORITIES if level >= least), _DEBUG)


@lru_cache(maxsize=1000)  # the names in the code, of which there are a few hundred
def field_name(key: str) -> str:
    """Return the field that a key's value goes into: capitals, digits and `_`, never a name with another meaning."""
    name = _NOT_OF_A_NAME.sub("_", key.upper()).strip("_")
    return (_OURS + name if _TAKEN.match(name) else name)[:_LONGEST_NAME]


def printable(text: str) -> str:
    """Return a text on one line, with whatever controls a terminal or is no character written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def fields_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Return a field for each value of an event that is not None, MESSAGE first; see `message_of`."""
    said = ((key, value) for key, value in islice(event.items(), _MOST_FIELDS) if value is not None)
    texts = {key: str(value) if key == "exception" else _text(value) for key, value in said}
    fields = {"MESSAGE": message_of(texts)}
    for key, text in texts.items():
        if key not in _UNSAID:
            fields.setdefault(field_name(key), text)
    return fields


def message_of(texts: Mapping[str, str]) -> str:
    """Return `event key=value …` on one line, and a traceback on lines of its own below, all of them indented."""
    pairs = (f"{_shown_name(key)}={_shown(text)}" for key, text in texts.items() if key not in _UNSAID)
    line = " ".join((texts.get("event", ""), *pairs)).strip()
    traceback = texts.get("exception", "").expandtabs(4).splitlines()
    return "\n".join((line, *(f"  {printable(each)}" for each in traceback)))


def packed(fields: Mapping[str, str]) -> bytes:
    """Return one entry as the journal's native protocol has it.

    A line `NAME=value`; where the value itself has lines, `NAME`, its length in 8 bytes (little-endian), and the value.
    """
    parts: list[bytes] = []
    for name, text in fields.items():
        value = text.encode("utf-8", "backslashreplace")
        if b"\n" in value:
            parts += (name.encode(), b"\n", len(value).to_bytes(8, "little"), value, b"\n")
        else:
            parts += (name.encode(), b"=", value, b"\n")
    return b"".join(parts)


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return printable(value)
        case list() | tuple() if value and all(isinstance(each, str) and _WORD.fullmatch(each) for each in value):
            return ",".join(value)
        case Mapping() | list() | tuple():
            return printable(json.dumps(value, ensure_ascii=False, default=str, skipkeys=True))
        case _:
            return printable(str(value))


@lru_cache(maxsize=1000)
def _shown_name(key: str) -> str:
    return re.sub(r"[\s=\"]", "_", printable(key))


def _shown(text: str) -> str:
    text = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return json.dumps(text, ensure_ascii=False) if _NEEDS_QUOTES.search(text) else text
