"""Which backups stay: the newest ones, and one of each week before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

Item = TypeVar("Item")


def survivors(backups: Sequence[tuple[datetime, Item]], *, newest: int, weeks: int, now: datetime) -> list[Item]:
    """Return what is kept.

    Args:
        backups: when each was made, the newest first.
        newest: so many stay whatever their age.
        weeks: of each of so many weeks back from now (UTC, from Monday), the last one made stays.
    """
    kept = [item for _, item in backups[:newest]]
    this_week = _monday(now)
    oldest = this_week - timedelta(weeks=weeks - 1)
    seen = set()
    for made_at, item in backups:
        week = _monday(made_at)
        if weeks > 0 and week >= oldest and week not in seen:
            seen.add(week)
            if item not in kept:
                kept.append(item)
    return kept


def _monday(moment: datetime) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday())
