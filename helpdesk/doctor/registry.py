"""What is looked at: every check by name, in the order they are told in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from helpdesk.doctor.finding import Verdict
from helpdesk.doctor.patient import Patient

Looked = Verdict | list[Verdict]
Look = Callable[[Patient], Awaitable[Looked]]

# In the order they are told in.
AREAS = (
    "program",
    "settings",
    "host",
    "database",
    "time",
    "workers",
    "queue",
    "index",
    "sla",
    "models",
    "backups",
    "delivery",
    "units",
)
_LONGEST_S = 5.0


@dataclass(frozen=True)
class Check:
    """One thing that is looked at.

    Attributes:
        name: its area, a dot and what it is of.
        about: what is looked at, in half a sentence.
        database: whether it takes the database; such checks go one after the other.
        longest_s: when it is given up.
    """

    name: str
    about: str
    look: Look
    database: bool
    longest_s: float

    @property
    def area(self) -> str:
        """Return what it belongs to."""
        return self.name.partition(".")[0]


class Registry:
    """Checks by name."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}

    def check(
        self, name: str, about: str, *, database: bool = False, longest_s: float = _LONGEST_S
    ) -> Callable[[Look], Look]:
        """Register the decorated function as a check."""

        def add(look: Look) -> Look:
            if name in self.checks:
                raise ValueError(f"{name} is checked twice")
            self.checks[name] = Check(name, about, look, database, longest_s)
            return look

        return add


registry = Registry()
check = registry.check
