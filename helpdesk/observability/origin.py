"""Where the work in hand comes from: the request that began it, and the trace it belongs to.

Kept in a context variable, so that whatever is asked for on the way (a job, a job's job, a model call) can be traced
back without each function in between handing it on. The middleware of the API enters it, jobs keep it, and workers
enter it again.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog

# W3C Trace Context, level 1: version, trace, parent, flags. Version ff is forbidden, and so are ids of zeros alone.
_TRACE_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


@dataclass(frozen=True)
class Origin:
    """What began the work in hand.

    Attributes:
        request_id: the `X-Request-ID` of the HTTP request; None where none did.
        trace_parent: the trace it belongs to, as a W3C `traceparent`.
    """

    request_id: str | None = None
    trace_parent: str | None = None

    @property
    def trace_id(self) -> str | None:
        """Return the 32 hexadecimal digits that all of one trace share, None where there is no well-formed one."""
        found = _TRACE_PARENT.fullmatch(self.trace_parent or "")
        return found.group(1) if found else None


_NOWHERE = Origin()
_CURRENT: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def current() -> Origin:
    """Return the origin of the work in hand; without any that was entered, one that says nothing."""
    return _CURRENT.get()


@contextmanager
def entered(origin: Origin) -> Iterator[None]:
    """Make this the origin of whatever is done inside, and bind its ids to every log event there."""
    found = {"request_id": origin.request_id, "trace_id": origin.trace_id}
    known = {name: value for name, value in found.items() if value}
    token = _CURRENT.set(origin)
    try:
        if not known:
            yield
            return
        with structlog.contextvars.bound_contextvars(**known):
            yield
    finally:
        _CURRENT.reset(token)


def take_up(origin: Origin) -> None:
    """Make this the origin of the rest of a task, whose log names it already: `entered` without a way back."""
    _CURRENT.set(origin)


def trace_parent_for(given: str | None) -> str:
    """Return the `traceparent` of a step of our own within the trace of a given one, else within a new trace."""
    found = _TRACE_PARENT.fullmatch(given or "")
    # Who is asked for no trace decides for itself; 01 says that this one may be kept.
    trace, flags = (found.group(1), found.group(2)) if found else (secrets.token_hex(16), "01")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"
