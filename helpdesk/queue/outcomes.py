"""What a handler says about its job; anything it raises instead means: try again later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from helpdesk.errors import HelpdeskError


@dataclass(frozen=True)
class Done:
    """The work is done; `result` is kept with the job."""

    result: dict[str, Any] | None = None


@dataclass(frozen=True)
class Completed:
    """The work is done, and the handler's own transaction has completed the job."""


@dataclass(frozen=True)
class Snooze:
    """Not now: hand the job back for `seconds`, without counting a try."""

    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Cancel:
    """The work is no longer wanted."""

    reason: str = field(default="")


Outcome = Done | Completed | Snooze | Cancel


class Fatal(HelpdeskError):
    """The job cannot succeed, however often it is tried."""


class LeaseLost(HelpdeskError):
    """The job has gone to another worker; nothing this one did for it may be kept."""
