"""Read when a receiver wants to be asked again (RFC 9110, section 10.2.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(hours=24)
_LONGEST_HEADER = 40


def retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Return how long to wait: from nothing to a day; None where the header says nothing that can be understood.

    Args:
        value: seconds, or an HTTP date.
        now: the time (UTC) a date is compared with.
    """
    given = (value or "").strip()
    if not given or len(given) > _LONGEST_HEADER:
        return None
    if given.isascii() and given.isdecimal():
        return timedelta(seconds=min(int(given), LONGEST.total_seconds()))
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    # An HTTP date is in GMT, also where it does not say so.
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta()), LONGEST)
