"""What is different between two runs: the model, the prompt, the options, what was shown, what was said."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpdesk.models.ai import AiRun

# Random in every call: the words of the fence, the canary, and the marks of the lines.
_TOKEN = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
_MARK = re.compile(r"(?<![^\s(])[bcdfghjkmnpqrstvwxz]{3}\| ?")


@dataclass(frozen=True)
class Difference:
    """A part of two runs that is not the same, as text."""

    part: str
    before: str
    after: str

    def unified(self) -> str:
        """Return the difference line by line, as `diff -u` shows it."""
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), self.part, self.part, lineterm="", n=2
        )
        return "\n".join(lines)


def diff(before: AiRun, after: AiRun) -> list[Difference]:
    """Return what is different between two runs; what is random in every call is not."""
    shown = ((part, read(before), read(after)) for part, read in _PARTS.items())
    return [Difference(part, first, second) for part, first, second in shown if first != second]


def pretty(output: str | None) -> str:
    """Return an answer with one value a line, where it is JSON."""
    try:
        return _json(json.loads(output or ""))
    except ValueError:
        return output or ""


def without_chance(words: str | None) -> str:
    """Return a prompt's text with the same signs in place of what is random in every call."""
    return _MARK.sub("", _TOKEN.sub("0" * 16, words or ""))


def agreement(before: str | None, after: str | None) -> tuple[int, int]:
    """Return how many fields of two answers are the same, and how many there are; an answer of text is one field."""
    try:
        first, second = json.loads(before or ""), json.loads(after or "")
    except ValueError:
        return int(before == after), 1
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return int(first == second), 1
    names = first.keys() | second.keys()
    return sum(name in first and name in second and first[name] == second[name] for name in names), len(names)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)


_PARTS: dict[str, Callable[[AiRun], str]] = {
    "model": lambda run: f"{run.model} {run.digest or ''}".strip(),
    "prompt": lambda run: f"{run.prompt_id} {run.prompt_version} {run.prompt_sha}",
    "system": lambda run: without_chance(run.system_text),
    "input": lambda run: without_chance(run.input_redacted),
    "schema": lambda run: _json(run.answer_schema),
    "options": lambda run: _json(run.options),
    "output": lambda run: pretty(run.output),
    "decision": lambda run: f"{run.decision} {run.error_class or ''}".strip(),
}
