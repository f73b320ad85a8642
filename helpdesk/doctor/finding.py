"""What a check found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["ok", "warning", "error", "skipped"]

_WORST_FIRST: tuple[State, ...] = ("error", "warning", "skipped", "ok")


@dataclass(frozen=True)
class Verdict:
    """One thing a check has to say, see `Finding`."""

    state: State
    says: str
    remedy: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One thing a check has found; a check may find several.

    Attributes:
        check: the check's name, whose first part is its area.
        state: `error` where something does not work or soon will not, `warning` where it works less well than it could,
            `skipped` where there was nothing to look at, or no way to.
        says: what was found, in a sentence.
        remedy: what to do, in a sentence or a command; empty where there is nothing to do.
        figures: what was measured, by name.
    """

    check: str
    state: State
    says: str
    remedy: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def area(self) -> str:
        """Return the area of the check."""
        return self.check.partition(".")[0]

    @property
    def is_problem(self) -> bool:
        """Tell whether there is something to do about it."""
        return self.state in {"error", "warning"}


def ok(says: str, **figures: Any) -> Verdict:
    """Say that all is well."""
    return Verdict("ok", says, figures=figures)


def warning(says: str, remedy: str, **figures: Any) -> Verdict:
    """Say that something works less well than it could."""
    return Verdict("warning", says, remedy, figures)


def error(says: str, remedy: str, **figures: Any) -> Verdict:
    """Say that something does not work, or soon will not."""
    return Verdict("error", says, remedy, figures)


def skipped(says: str, **figures: Any) -> Verdict:
    """Say why nothing was looked at."""
    return Verdict("skipped", says, figures=figures)


def worst(findings: Sequence[Finding]) -> State:
    """Return the worst state of all; that of no findings is ok."""
    return next((state for state in _WORST_FIRST[:2] if any(each.state == state for each in findings)), "ok")


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings with the errors first, then the warnings, otherwise in the order they have."""
    return sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.state))
