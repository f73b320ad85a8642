"""What a probe of a provider found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["ok", "problem", "unusable"]


@dataclass(frozen=True)
class Finding:
    """One thing that was tried.

    Attributes:
        verdict: `problem` where the product does with less, `unusable` where it does without the provider.
        told: what was found, in a few words.
        remedy: what to do, in a sentence; empty where all is well.
        figures: what was measured, by name.
    """

    probe: str
    verdict: Verdict
    told: str
    remedy: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


def worst(findings: Sequence[Finding]) -> Verdict:
    """Return the worst verdict of all; that of no findings is ok."""
    for verdict in ("unusable", "problem"):
        if any(finding.verdict == verdict for finding in findings):
            return verdict
    return "ok"
