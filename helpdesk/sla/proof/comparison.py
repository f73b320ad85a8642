"""Say what must be equal between a stored clock and a replay of its log.

A clock is stored when an event moves it or a tick finds a threshold crossed, and between these it lies still. So there
are two instants to replay it at:

- When it was stored. Everything must come out as it is in the row, to the second: also the time used and left, which
  grow while a clock runs and are told as of then.
- Now. What only an event can change must come out as it is in the row: an event would have stored it anew. So must the
  level and what comes next, unless a threshold has come since then that the next tick will find.

A clock of a ticket that cannot be replayed is proven neither right nor wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from helpdesk.models.sla import Clock
from helpdesk.sla.clocks.storing import GROWING, REPLAYED, is_open

# What the time alone changes, at a threshold.
_CROSSED = frozenset({"breached", "breached_at", "next_threshold_at", "next_level", "level", "told_version"})
_LASTING = tuple(name for name in REPLAYED if name not in _CROSSED)

Columns: TypeAlias = Mapping[str, Any]
Difference: TypeAlias = dict[str, tuple[Any, Any]]


def differences(row: Clock, *, then: Columns | None, now: Columns | None, at: datetime) -> Difference:
    """Compare a stored clock with its replays, and return what differs: stored and replayed, by column.

    Args:
        then: the columns as replayed at the instant the clock was stored; None when the log has no such clock.
        now: as replayed at `at`.
    """
    if now is None:
        # One that a late entry took away has been ended.
        return {"state": (row.state, None)} if is_open(row) else {}
    found = _compare(row, now, _LASTING)
    if row.next_threshold_at is None or row.next_threshold_at > at:
        found |= _compare(row, now, _CROSSED)
    if then is None:
        return found | {"updated_at": (row.updated_at, None)}
    return _compare(row, then, (*REPLAYED, *GROWING)) | found


def missing(now: Columns) -> Difference:
    """Return the difference of a clock that the log has and that is not stored."""
    return {name: (None, now[name]) for name in ("state", "start_at", "due_at")}


def _compare(row: Clock, replayed: Columns, names: tuple[str, ...] | frozenset[str]) -> Difference:
    return {name: (getattr(row, name), replayed[name]) for name in names if getattr(row, name) != replayed[name]}
