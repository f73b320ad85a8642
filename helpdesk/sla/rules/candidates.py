"""Which policy a ticket falls under: ordered conditions, then the default."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from helpdesk.sla.rules.conditions import Conditions, Facts


@dataclass(frozen=True)
class Validity:
    """From when (included) until when (excluded) a policy is in force; None is without end."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether the policy is in force."""
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)


@dataclass(frozen=True)
class Candidate:
    """A policy to choose from, in order of its position."""

    key: str
    conditions: Conditions
    is_default: bool


def choose(candidates: Iterable[Candidate], facts: Facts) -> str | None:
    """Return the key of the first policy whose conditions hold, else of the default, else None."""
    default = None
    for candidate in candidates:
        if candidate.is_default:
            default = default or candidate.key
        elif candidate.conditions.hold(facts):
            return candidate.key
    return default
