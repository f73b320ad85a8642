"""Business hours, public holidays, and when a calendar opens next."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, StringConstraints

from api.schemas.bodies import Body, Made, Name, View
from helpdesk.sla.calendars.holiday_lists import MOST_YEARS
from helpdesk.sla.calendars.preview import Reason
from helpdesk.sla.rules.hours import Day

_Date: TypeAlias = date
_Windows = Annotated[
    list[tuple[str, str]],
    Field(max_length=100, description="Pairs of wall times; an end that is not after its start is on the next day."),
]
_Exceptions = Annotated[
    dict[str, _Windows],
    Field(max_length=5000, description="Dates with hours of their own, by `YYYY-MM-DD`; an empty list is closed."),
]
_Weekly = Annotated[dict[Day, _Windows], Field(description="The windows of each weekday; a day left out is closed.")]
_Note = Annotated[str, StringConstraints(max_length=1000)]
_Timezone = Annotated[str, StringConstraints(min_length=1, max_length=100)]

_EXAMPLE: dict[str, JsonValue] = {
    "name": "Vienna office",
    "timezone": "Europe/Vienna",
    "weekly": {
        "mon": [["08:00", "12:00"], ["13:00", "17:00"]],
        "tue": [["08:00", "12:00"], ["13:00", "17:00"]],
        "fri": [["22:00", "06:00"]],
    },
    "exceptions": {"2026-12-24": [["09:00", "12:00"]]},
    "holidays": [{"country": "AT", "subdivision": "9", "years": [2026, 2027]}],
}


class HolidaysAsked(Body):
    """Public holidays that are to become exceptions."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"country": "AT", "subdivision": "9", "years": [2026, 2027]}}
    )

    country: Name = Field(description="ISO 3166-1, such as AT.")
    subdivision: Name | None = Field(default=None, description="A part of the country, such as 9 or Wien.")
    years: list[int] = Field(min_length=1, max_length=MOST_YEARS)
    categories: list[Name] = Field(
        default=[], max_length=30, description="Such as `bank` or `half_day`; the public ones when left out."
    )
    language: Name | None = Field(default=None, description="Of the names; English where there is English.")
    hours: _Windows = Field(default=[], description="When it is open on these dates all the same; closed when empty.")
    skip: list[date] = Field(default=[], max_length=1000, description="Dates that are to stay as they are.")


class CalendarHours(Body):
    """Business hours that are not stored."""

    model_config = ConfigDict(
        json_schema_extra={"example": {key: value for key, value in _EXAMPLE.items() if key != "name"}}
    )

    timezone: _Timezone = Field(description="An IANA zone, such as Europe/Vienna.")
    always_open: bool = Field(default=False, description="Around the clock; windows and exceptions do not matter.")
    weekly: _Weekly = {}
    exceptions: _Exceptions = {}
    holidays: list[HolidaysAsked] = Field(
        default=[], max_length=20, description="Looked up and stored as exceptions, unless the date is one already."
    )


class NewCalendar(CalendarHours):
    """Business hours under a name."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    name: Name
    note: _Note | None = Field(default=None, description="Why; kept with the version.")


class CalendarChanges(Body):
    """What changes; a field left out or null stays. `weekly` and `exceptions` are replaced as a whole."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"exceptions": {"2026-12-24": []}, "note": "Closed on Christmas Eve"}}
    )

    name: Name | None = None
    timezone: _Timezone | None = None
    always_open: bool | None = None
    weekly: _Weekly | None = None
    exceptions: _Exceptions | None = None
    holidays: list[HolidaysAsked] = Field(default=[], max_length=20, description="To be added to the exceptions.")
    note: _Note | None = Field(default=None, description="Why; kept with the version.")


class HolidaysToStore(HolidaysAsked):
    """Public holidays to be stored as exceptions of a calendar."""

    note: _Note | None = Field(default=None, description="Why; kept with the version.")


class StoredHolidayView(View):
    """An exception that is a public holiday, and the list it was taken from."""

    date: _Date = Field(validation_alias="day")
    name: str
    country: str
    subdivision: str | None
    categories: list[str]
    library: str = Field(description="The library of holidays and its version.")


class CalendarSummary(Made):
    """A calendar at a glance."""

    name: str
    version: int = Field(description="Rises with every change of hours; the entity tag.")
    timezone: str
    always_open: bool
    weekly: dict[str, Any]
    changed_at: datetime
    policies: list[str] = Field(description="Names of the policies that go by it.")


class CalendarVersionView(View):
    """Business hours as they were at one time; they never change."""

    version: int
    timezone: str
    always_open: bool
    weekly: dict[str, Any]
    exceptions: dict[str, Any]
    holidays: list[StoredHolidayView] = Field(description="Which of the exceptions are public holidays.")
    note: str | None
    changed_at: datetime
    changed_by: str | None


class CalendarView(CalendarVersionView, Made):
    """Business hours under a name, as they are now."""

    name: str
    policies: list[str] = Field(description="Names of the policies that go by it.")


class HolidaysStored(View):
    """What became of the holidays asked for."""

    added: list[date]
    kept: list[date] = Field(description="Exceptions already; their hours stayed as they were.")
    calendar: CalendarView


class FoundHolidayView(View):
    """A public holiday."""

    date: _Date
    name: str
    exception: list[list[str]] | None = Field(
        description="Hours that the calendar asked about has on that date already; null when it is no exception."
    )


class HolidayListView(View):
    """Public holidays of a country, or of a part of it."""

    country: str
    subdivision: str | None
    categories: list[str]
    language: str | None
    library: str = Field(description="The library of holidays and its version.")
    calendar_id: UUID | None
    holidays: list[FoundHolidayView]


class CountryNameView(View):
    """A country whose holidays are known."""

    code: str = Field(description="ISO 3166-1, two letters.")
    name: str
    subdivisions: list[str]


class SubdivisionView(View):
    """A part of a country."""

    code: str
    names: list[str] = Field(description="What else it may be called in a request.")


class CountryView(View):
    """What can be asked of one country."""

    code: str
    name: str
    subdivisions: list[SubdivisionView]
    categories: list[str]
    languages: list[str]
    first_year: int
    last_year: int


class MakerView(View):
    """A window that opens the calendar."""

    reason: Reason
    date: _Date | None = Field(validation_alias="day", description="The date that the window belongs to.")
    window: list[str] = Field(description="Its wall times; empty when always open.")
    holiday: str | None = Field(description="Name of the date, if it is a public holiday.")


class OpeningView(View):
    """A time without a break in which the calendar is open; an end more than a week outside the period is null."""

    opens_at: datetime | None
    closes_at: datetime | None
    opens_local: datetime | None = Field(description="The same on the calendar's own clock, with its offset.")
    closes_local: datetime | None
    made_by: list[MakerView]


class ExceptionDayView(View):
    """A date that goes by hours of its own; none is closed."""

    date: _Date = Field(validation_alias="day")
    windows: list[list[str]]
    holiday: str | None


class CalendarPreviewView(View):
    """When a calendar is open in a period."""

    timezone: str
    start: datetime = Field(serialization_alias="from")
    end: datetime = Field(serialization_alias="until")
    open_at_start: bool
    open_s: int = Field(description="Open seconds of the period.")
    openings: list[OpeningView]
    exceptions: list[ExceptionDayView] = Field(description="Dates of the period with hours of their own.")
