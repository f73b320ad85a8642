"""When a mail goes out: at once, or with what is collected; pure.

After a mail, whatever else there is to tell within some minutes is collected and goes out as one digest, after which
the minutes begin anew. So nobody gets more than one mail in that time, however many tickets are late at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from helpdesk.models.values import NoticeChannel, NoticeTiming
from helpdesk.notifications.preferences.choices import Preferences


class Wait(StrEnum):
    """Why a mail does not go out at once."""

    BURST = "burst"
    DIGEST = "digest"
    QUIET_HOURS = "quiet_hours"


@dataclass(frozen=True)
class Pace:
    """How fast a person was mailed lately.

    Attributes:
        collecting_until: what there is to tell before this time is collected.
        digest_at: when what has been collected goes out.
    """

    collecting_until: datetime | None = None
    digest_at: datetime | None = None


@dataclass(frozen=True)
class Slot:
    """When a mail goes out.

    Attributes:
        at: None for at once.
        wait: why it does not go out at once.
        pace: how fast the person is mailed from then on.
    """

    at: datetime | None
    wait: Wait | None
    pace: Pace


def slot(kind: str, *, preferences: Preferences, zone: tzinfo, pace: Pace, now: datetime) -> Slot:
    """Find when the mail of a notice goes out, to somebody who wants such mails."""
    minutes = timedelta(minutes=preferences.digest_minutes)
    quiet_until = preferences.quiet_until(kind, now, zone)
    if preferences.timing(kind, NoticeChannel.EMAIL) is NoticeTiming.DIGEST:
        at, wait = _coming(pace.digest_at, now) or _coming(pace.collecting_until, now) or now + minutes, Wait.DIGEST
    elif quiet_until is not None:
        at, wait = quiet_until, Wait.QUIET_HOURS
    elif collecting_until := _coming(pace.collecting_until, now):
        at, wait = collecting_until, Wait.BURST
    else:
        return Slot(None, None, Pace(now + minutes, pace.digest_at))
    at = preferences.quiet_until(kind, at, zone) or at
    return Slot(at, wait, Pace(pace.collecting_until, min(at, _coming(pace.digest_at, now) or at)))


def _coming(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None
