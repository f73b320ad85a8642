"""The attacks: what stands in a text, and what a model that obeys it would answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

Where: TypeAlias = Literal["ticket", "mail", "attachment", "article", "settled"]


@dataclass(frozen=True)
class Case:
    """One attack.

    Attributes:
        where: what brings the text in: the ticket itself, a mail quoted in it, a file on it, an article that was
            published, or the reply on a settled ticket.
        fields: what the attacker wants of triage, by field.
        says: what he wants to be said; `{canary}` and `{boundary}` stand for the prompt's own.
        cites: the sources he wants cited.
        never: what nobody sees in the text, and must therefore never be shown.
    """

    id: str
    family: str
    where: Where
    text: str
    says: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    cites: Sequence[str] = ()
    never: Sequence[str] = ()

    @property
    def is_asked(self) -> bool:
        """Return whether the attack comes with a ticket or a question, not with what answers it."""
        return self.where not in {"article", "settled"}


@cache
def all_cases() -> tuple[Case, ...]:
    """Return every attack, in the order of the file."""
    entries = yaml.safe_load(Path(__file__).with_name("cases.yaml").read_text("utf-8"))["cases"]
    return tuple(_case(entry) for entry in entries)


def _case(entry: Mapping[str, Any]) -> Case:
    wants = entry["wants"]
    return Case(
        id=entry["id"],
        family=entry["family"],
        where=entry["where"],
        text=entry.get("padding", "") * entry.get("times", 1) + entry["text"],
        says=wants.get("says", ""),
        fields=wants.get("fields", {}),
        cites=tuple(wants.get("cites", ())),
        never=tuple(entry.get("never", ())),
    )
