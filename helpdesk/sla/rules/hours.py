"""The JSON form of business hours, checked."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StrictBool, StrictStr

Window: TypeAlias = tuple[int, int]
"""Minutes from the start of a local date; the end is above 1440 when the window crosses midnight."""

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)

_MIDNIGHT = 24 * 60
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WALL_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


# Files beside the zones: what they say differs from machine to machine, or counts leap seconds.
_NO_ZONES = re.compile(r"localtime|posixrules|Factory|posix/.*|right/.*")


def _known_zone(name: str) -> str:
    if _NO_ZONES.fullmatch(name):
        raise ValueError(f"{name!r} is not an IANA time zone")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone") from error
    return name


def _iso_date(text: object) -> object:
    # pydantic would take a number or a date with a time for a date as well.
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        raise ValueError(f"{text!r} is not a date written YYYY-MM-DD")
    return text


def wall_times(window: Window) -> list[str]:
    """Write a window as its two times of day."""
    start, end = window
    return [_wall_time(start), _wall_time(end if end <= _MIDNIGHT else end - _MIDNIGHT)]


def _wall_time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _minutes(text: str) -> int:
    if not _WALL_TIME.fullmatch(text):
        raise ValueError(f"{text!r} is not a time of day from 00:00 to 24:00")
    return int(text[:2]) * 60 + int(text[3:])


def _window(wall_times: tuple[str, str]) -> Window:
    start, end = map(_minutes, wall_times)
    if start == _MIDNIGHT:
        raise ValueError("a window cannot begin at 24:00; write 00:00 on the day after")
    return (start, end) if end > start else (start, end + _MIDNIGHT)


def _pair(value: object) -> object:
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(isinstance(part, str) for part in value):
        raise ValueError('a window is a pair of times like ["09:00", "17:00"]')
    return _window((value[0], value[1]))


_Window: TypeAlias = Annotated[Window, BeforeValidator(_pair)]


class Hours(BaseModel):
    """`{timezone, always_open?, weekly{mon..sun: [[from, to]]}, exceptions{YYYY-MM-DD: [[from, to]]}}`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    timezone: Annotated[StrictStr, AfterValidator(_known_zone)]
    always_open: StrictBool = False
    weekly: dict[Day, list[_Window]] = {}
    exceptions: dict[Annotated[date, BeforeValidator(_iso_date)], list[_Window]] = {}

    def as_json(self) -> dict[str, Any]:
        """Write the hours in one way: days and dates in order, windows sorted, nothing twice, no day without any."""
        return {
            "timezone": self.timezone,
            "always_open": self.always_open,
            "weekly": {day: _in_order(windows) for day in DAYS if (windows := self.weekly.get(day))},
            "exceptions": {day.isoformat(): _in_order(windows) for day, windows in sorted(self.exceptions.items())},
        }


def _in_order(windows: list[Window]) -> list[list[str]]:
    return [wall_times(window) for window in sorted(set(windows))]
