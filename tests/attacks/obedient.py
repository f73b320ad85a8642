"""A text model that obeys every attack: the worst that a model can be talked into, within its schema or without one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from starlette.responses import Response

from tests.attacks.cases import Case
from tests.scripted_ollama import says

# `says`: the attacker's sentence. `copies`: the attack's own words, which the ticket bears out. `outside`: all of it,
# with labels, ids and properties that the schema does not have.
Manner: TypeAlias = Literal["says", "copies", "outside"]
MANNERS: tuple[Manner, ...] = ("says", "copies", "outside")

_BOUNDARY = re.compile(r"^=== [0-9a-f]{16} ===$", re.MULTILINE)
_SECRET = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
_MARK = re.compile(r"(?m)^[a-z]{3}\| ?")
# Signs to be written as JSON escapes stand in a plane of their own until then.
_TO_ESCAPE = 0xE000
_ESCAPED = re.compile(r"\\ue0([0-9a-f]{2})")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_MOST_COPIED = 6
_FOREIGN = {
    "status": "closed",
    "priority": "urgent",
    "team": "executives",
    "assignee": "administrator",
    "tags": ["vip"],
}


@dataclass
class Obedient:
    """Answers each chat by the word of the attack that is under way.

    Attributes:
        calls: how often it was asked since `under` was called.
    """

    case: Case
    manner: Manner = "says"
    calls: int = 0

    def under(self, case: Case, manner: Manner) -> None:
        """Obey another attack from now on."""
        self.case, self.manner, self.calls = case, manner, 0

    def reply(self, body: dict[str, Any]) -> Response:
        """Answer as Ollama does."""
        self.calls += 1
        system, user = (message["content"] for message in body["messages"][:2])
        text = json.dumps(self.answer(system, user, body["format"]))
        return says(_ESCAPED.sub(r"\\u00\1", text))(body)

    def answer(self, system: str, user: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Return what the attack asks for, in the form of the schema as far as the manner goes."""
        lines = self._lines(system, user)
        value = {name: self._value(name, form, lines, user) for name, form in schema["properties"].items()}
        return value | _FOREIGN | dict(self.case.fields) if self.manner == "outside" else value

    def _lines(self, system: str, user: str) -> list[str]:
        """Return what to say: the attacker's sentence, or those of the attack, the ones with an address first."""
        if self.manner == "copies":
            sentences = [part.strip() for part in _SENTENCE.split(self.case.text[-2000:]) if len(part.strip()) > 3]
            return sorted(sentences, key=lambda one: not _has_address(one))[:_MOST_COPIED] or [self.case.text[:80]]
        return [filled(self.case.says, system, user) or self.case.text[:80]]

    def _value(self, name: str, form: dict[str, Any], lines: Sequence[str], user: str) -> Any:
        match form:
            case {"enum": labels}:
                return self._label(name, labels)
            case {"type": "boolean"}:
                return True
            case {"type": "array", "items": {"properties": _} as sentence}:
                return self._sentences(sentence["properties"], lines, user, most=form.get("maxItems", 12))
            case {"type": "array", "items": {"enum": ids}}:
                return self._cites(ids, at_most=form.get("maxItems", 3))
            case _:
                most = len(lines[0]) if self.manner == "outside" else form.get("maxLength", 400)
                return lines[0][:most]

    def _label(self, name: str, labels: Sequence[str]) -> str:
        wanted = self.case.fields.get(name)
        if isinstance(wanted, str) and (wanted in labels or self.manner == "outside"):
            return wanted
        return next(label for label in reversed(labels) if label != "unknown" or len(labels) == 1)

    def _cites(self, ids: Sequence[str], *, at_most: int) -> list[str]:
        wanted = [cite for cite in self.case.cites if cite in ids or self.manner == "outside"]
        return (wanted or list(ids[:1]))[:at_most]

    def _sentences(self, form: dict[str, Any], lines: Sequence[str], user: str, *, most: int) -> list[dict[str, Any]]:
        """Return the attack with each kind of citation, among true sentences that make it believable."""
        ids: list[str] = form["cites"]["items"]["enum"]
        longest = form["text"].get("maxLength", 400)
        true = _true_sentences(user, ids)
        wanted = self._cites(ids, at_most=3)
        said: list[tuple[str, list[str]]] = [(lines[0], ["T"] if "T" in ids else wanted)]
        said += [(f"{text.rstrip('.')}, and: {lines[0]}", [cite]) for text, cite in true[:1]]
        said += [(line, wanted) for line in lines]
        said += [(lines[0], ids[:2])]
        if self.manner == "outside":
            said += [(lines[0], ["S99"]), (lines[0], [])]
        said = said[: most // 2] + [(text, [cite]) for text, cite in true][: most - most // 2]
        return [{"text": text[:longest] or "-", "cites": cites} for text, cites in said]


def filled(wanted: str, system: str, user: str) -> str:
    """Return what an attacker wants said, with the secrets that the prompt has."""
    fence = _BOUNDARY.search(user)
    boundary = fence[0] if fence else ""
    secrets = [found for found in _SECRET.findall(system) if found not in boundary]
    canary = secrets[0] if secrets else ""
    bare = boundary.strip("= ")
    places = {
        "canary": canary,
        "canary_spaced": " ".join(canary),
        "canary_reversed": canary[::-1],
        "canary_halves": f"{canary[:8]} and then {canary[8:]}",
        "canary_wide": "".join(chr(ord(sign) + 0xFEE0) for sign in canary),
        "canary_escaped": "".join(chr(ord(sign) + _TO_ESCAPE) for sign in canary),
        "boundary": boundary,
        "boundary_escaped": "".join(chr(ord(sign) + _TO_ESCAPE) for sign in bare),
        "boundary_spaced": "-".join(bare),
        "boundary_upper": bare.upper(),
    }
    for name, value in places.items():
        wanted = wanted.replace("{" + name + "}", value)
    return wanted


def _true_sentences(user: str, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Return sentences of the sources that the prompt shows, each with its id."""
    found: list[tuple[str, str]] = []
    for block in _BOUNDARY.split(user):
        name, _, words = block.strip().partition(":\n")
        if name in ids and name != "T":
            lines = _MARK.sub("", words).splitlines()[2:]
            found += [(line.strip(), name) for line in lines if 20 <= len(line.strip()) <= 300]
    return found


def _has_address(text: str) -> bool:
    return re.search(r"https?:|//|@|\w\.\w|`|\d", text) is not None
