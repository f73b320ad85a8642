"""How a user wants to be told."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from api.schemas.bodies import Body, View
from helpdesk.models.values import NoticeChannel, NoticeKind, NoticeTiming
from helpdesk.notifications.preferences.choices import (
    LEAST_MINUTES,
    MOST_MINUTES,
    USUAL_MINUTES,
    Preferences,
    usual_timings,
    with_timings,
)
from helpdesk.notifications.preferences.queries import Person
from helpdesk.notifications.preferences.quiet_hours import DAYS, MOST_WINDOWS, Day, QuietHours

_Clock = Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
_TimeZone = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_Timings = dict[NoticeKind, dict[NoticeChannel, NoticeTiming]]


class QuietWindowBody(Body):
    """Hours in which no mail is to arrive."""

    days: list[Day] = Field(default=list(DAYS), min_length=1, max_length=7, description="The days they begin on.")
    from_: _Clock = Field(alias="from", description="As clocks in the user's zone show it.")
    to: _Clock = Field(description="Not later than `from`: on the next day.")


class PreferencesChanges(Body):
    """What is to change; the rest stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "timings": {"sla.warning": {"email": "digest"}},
                "quiet_hours": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "18:00", "to": "08:00"}],
                "timezone": "Europe/Vienna",
            }
        }
    )

    timings: _Timings | None = Field(
        default=None, description="By kind and channel: immediately, off, or for e-mail also digest."
    )
    quiet_hours: list[QuietWindowBody] | None = Field(
        default=None, max_length=MOST_WINDOWS, description="In place of those there were."
    )
    urgent_in_quiet_hours: bool | None = Field(
        default=None, description="Whether the mail of a breach does not wait for the end of quiet hours."
    )
    digest_minutes: int | None = Field(
        default=None, ge=LEAST_MINUTES, le=MOST_MINUTES, description="How long after a mail further ones are collected."
    )
    timezone: _TimeZone | None = Field(default=None, description="An IANA name; null: the organisation's.")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        for name in self.model_fields_set - {"timezone"}:
            if getattr(self, name) is None:
                raise ValueError(f"{name} cannot be null")
        return self

    def applied_to(self, person: Person) -> tuple[Preferences, str | None]:
        """Return what the person then has chosen, and their zone."""
        before = person.preferences
        given = self.model_fields_set
        chosen = Preferences(
            timings=with_timings(before.timings, self.timings or {}),
            quiet_hours=before.quiet_hours if self.quiet_hours is None else _quiet(self.quiet_hours),
            urgent_in_quiet_hours=(
                before.urgent_in_quiet_hours if self.urgent_in_quiet_hours is None else self.urgent_in_quiet_hours
            ),
            digest_minutes=before.digest_minutes if self.digest_minutes is None else self.digest_minutes,
        )
        return chosen, self.timezone if "timezone" in given else person.timezone


class NewPreferences(Body):
    """All that a user chooses; what is left out is everybody's usual."""

    timings: _Timings = Field(
        default={}, description="By kind and channel: immediately, off, or for e-mail also digest."
    )
    quiet_hours: list[QuietWindowBody] = Field(default=[], max_length=MOST_WINDOWS)
    urgent_in_quiet_hours: bool = False
    digest_minutes: int = Field(default=USUAL_MINUTES, ge=LEAST_MINUTES, le=MOST_MINUTES)
    timezone: _TimeZone | None = Field(default=None, description="An IANA name; null: the organisation's.")

    def chosen(self) -> Preferences:
        """Return them as they are kept."""
        return Preferences(
            timings=with_timings(usual_timings(), self.timings),
            quiet_hours=_quiet(self.quiet_hours),
            urgent_in_quiet_hours=self.urgent_in_quiet_hours,
            digest_minutes=self.digest_minutes,
        )


class PreferencesView(View):
    """How a user is told."""

    timings: _Timings
    quiet_hours: list[dict[str, Any]]
    urgent_in_quiet_hours: bool
    digest_minutes: int
    timezone: str | None = Field(description="The user's own; null: the organisation's.")
    effective_timezone: str = Field(description="The zone that mails show times in, and quiet hours go by.")
    version: int = Field(description="0 for who has not chosen.")

    @classmethod
    def of(cls, person: Person) -> Self:
        """Make it of what the person has chosen."""
        chosen = person.preferences
        return cls(
            timings=chosen.timings,
            quiet_hours=chosen.quiet_hours.to_json(),
            urgent_in_quiet_hours=chosen.urgent_in_quiet_hours,
            digest_minutes=chosen.digest_minutes,
            timezone=person.timezone,
            effective_timezone=person.zone.key,
            version=chosen.version,
        )


def _quiet(windows: list[QuietWindowBody]) -> QuietHours:
    return QuietHours.from_json([window.model_dump(by_alias=True) for window in windows])
