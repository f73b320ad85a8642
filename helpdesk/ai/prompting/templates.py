"""Prompts as versioned files, and the one way to fill them.

A file is `files/ID/VERSION.md`: front matter that says what changed and which texts it takes, then the instructions as
a Jinja template. A version never changes once it has been used; another text is another version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import frontmatter
from jinja2 import Environment, StrictUndefined

from helpdesk.ai.model import Prompt
from helpdesk.ai.prompting import fencing
from helpdesk.ai.prompting.canary import new_canary
from helpdesk.redaction import redacted
from helpdesk.visible_text.cleaning import clean_text

FILES = Path(__file__).parent / "files"
# The slot of all texts that have none of their own.
_ANY = "*"
# Of a text far longer than a prompt has room for, only a beginning is looked at.
_LOOKED_AT = 4
_ENVIRONMENT = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False)  # noqa: S701


@dataclass(frozen=True)
class Slot:
    """A place for a text.

    Attributes:
        label: the line above the text; empty for none, None for the text's name.
        most: most characters of it that are shown.
    """

    label: str | None
    most: int


@dataclass(frozen=True)
class Template:
    """One version of a prompt.

    Attributes:
        sha: hash of the file, its front matter included.
        changed: what is different from the version before.
        marked: whether each line of the data carries a mark.
    """

    id: str
    version: int
    sha: str
    changed: str
    text: str
    slots: Mapping[str, Slot]
    marked: bool

    def slot(self, name: str) -> Slot:
        """Return the place of a text; raise KeyError for one that the prompt does not take."""
        return self.slots[name] if name in self.slots else self.slots[_ANY]


@cache
def versions_of(prompt_id: str) -> tuple[int, ...]:
    """Return the versions of a prompt, oldest first; raise KeyError when there is no such prompt."""
    found = tuple(sorted(int(file.stem) for file in (FILES / prompt_id).glob("*.md")))
    if not found:
        raise KeyError(prompt_id)
    return found


def prompt_ids() -> list[str]:
    """Return the ids of all prompts."""
    return sorted(folder.name for folder in FILES.iterdir() if folder.is_dir())


@cache
def load(prompt_id: str, version: int | None = None) -> Template:
    """Return one version of a prompt, the newest where none is named; raise KeyError when it is not there."""
    number = versions_of(prompt_id)[-1] if version is None else version
    if number not in versions_of(prompt_id):
        raise KeyError(f"{prompt_id} {number}")
    content = (FILES / prompt_id / f"{number}.md").read_bytes()
    page = frontmatter.loads(content.decode())
    slots: dict[str, dict[str, Any]] = page["data"]  # type: ignore[assignment]
    if (page["id"], page["version"]) != (prompt_id, number):
        raise ValueError(f"The prompt {prompt_id}/{number}.md says that it is another one.")
    return Template(
        id=prompt_id,
        version=number,
        sha=hashlib.sha256(content).hexdigest(),
        changed=str(page["changed"]),
        text=page.content,
        slots={name: Slot(slot.get("label"), int(slot["most"])) for name, slot in slots.items()},
        marked=bool(page["marked"]),
    )


def build(prompt_id: str, *, data: Mapping[str, str], fill: Mapping[str, object], version: int | None = None) -> Prompt:
    """Return a prompt filled in; the only place where words of customers and articles meet instructions.

    Args:
        data: texts of others by name; each is freed of what is hidden, redacted, cut, marked and fenced. Texts without
            words are left out.
        fill: our own words for the template's places: labels, names of languages. Redacted, too; what others wrote
            belongs into `data`.

    Raises:
        KeyError: no such prompt, or it does not take a text of that name.
        jinja2.UndefinedError: the template has a place that `fill` does not fill.
    """
    template = load(prompt_id, version)
    shown = {name: _prepared(text, most=template.slot(name).most) for name, text in data.items()}
    shown = {name: text for name, text in shown.items() if text}
    boundary, canary = fencing.new_boundary(shown.values()), new_canary()
    mark = fencing.new_mark(shown.values()) if template.marked else ""
    own = {name: _own(value) for name, value in fill.items()}
    system = _ENVIRONMENT.from_string(template.text).render(**own, boundary=boundary, canary=canary, mark=mark)
    labelled = [(_label(template, name), text) for name, text in shown.items()]
    return Prompt(
        id=template.id,
        version=template.version,
        system=system,
        user=fencing.fenced(labelled, boundary=boundary, mark=mark),
        sha=template.sha,
        boundary=boundary,
        canary=canary if canary in system else "",
        mark=mark,
        data=shown,
        raw={name: data[name] for name in shown},
    )


def _label(template: Template, name: str) -> str:
    label = template.slot(name).label
    return name if label is None else label


def _prepared(text: str, *, most: int) -> str:
    return fencing.shortened(redacted(fencing.visible(text[: _LOOKED_AT * most])), most)


def _own(value: object) -> object:
    return redacted(clean_text(value)) if isinstance(value, str) else value
