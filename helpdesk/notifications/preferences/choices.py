"""How a person wants to be told: of what, by which channel, when; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, TypeAlias

from helpdesk.errors import Invalid
from helpdesk.models.values import NoticeChannel, NoticeKind, NoticeTiming
from helpdesk.notifications.preferences.quiet_hours import QuietHours

LEAST_MINUTES, USUAL_MINUTES, MOST_MINUTES = 5, 10, 240

Timings: TypeAlias = dict[NoticeKind, dict[NoticeChannel, NoticeTiming]]


class InvalidPreferences(Invalid):
    """Nobody can be told like this."""


def usual_timings() -> Timings:
    """Return what holds for whoever has not chosen: everything at once; a burst of mails is collected in any case."""
    return {kind: dict.fromkeys(NoticeChannel, NoticeTiming.IMMEDIATELY) for kind in NoticeKind}


def with_timings(timings: Timings, changes: Mapping[NoticeKind, Mapping[NoticeChannel, NoticeTiming]]) -> Timings:
    """Return timings with some of them changed.

    Raises:
        InvalidPreferences: a digest in the app, where there is none.
    """
    changed = {kind: {**timings[kind], **changes.get(kind, {})} for kind in NoticeKind}
    if any(chosen[NoticeChannel.IN_APP] is NoticeTiming.DIGEST for chosen in changed.values()):
        raise InvalidPreferences("Digests are mailed; in the app a notice is shown immediately or not at all.")
    return changed


@dataclass(frozen=True)
class Preferences:
    """What a person has chosen, or everybody's usual.

    Attributes:
        urgent_in_quiet_hours: whether the mail of a breach does not wait for the end of quiet hours.
        digest_minutes: how long after a mail further ones are collected.
        version: 0 for whoever has not chosen.
    """

    timings: Timings = field(default_factory=usual_timings)
    quiet_hours: QuietHours = field(default_factory=QuietHours)
    urgent_in_quiet_hours: bool = False
    digest_minutes: int = USUAL_MINUTES
    version: int = 0

    def timing(self, kind: str, channel: NoticeChannel) -> NoticeTiming:
        """Return when a kind of notice is told by a channel."""
        return self.timings[NoticeKind(kind)][channel]

    def quiet_until(self, kind: str, now: datetime, zone: tzinfo) -> datetime | None:
        """Return when the mail of a kind of notice may go out, where quiet hours hold it back (UTC)."""
        if self.urgent_in_quiet_hours and kind == NoticeKind.SLA_BREACH:
            return None
        return self.quiet_hours.end(now, zone)

    def unusual_timings(self) -> dict[str, Any]:
        """Return those that differ from everybody's, as they are stored."""
        usual = usual_timings()
        different = {
            str(kind): {
                str(channel): str(timing) for channel, timing in chosen.items() if timing is not usual[kind][channel]
            }
            for kind, chosen in self.timings.items()
        }
        return {kind: chosen for kind, chosen in different.items() if chosen}


def timings_from_json(value: Mapping[str, Mapping[str, str]]) -> Timings:
    """Read what is stored; a kind the product no longer knows is passed over."""
    return with_timings(
        usual_timings(),
        {
            NoticeKind(kind): {NoticeChannel(channel): NoticeTiming(timing) for channel, timing in chosen.items()}
            for kind, chosen in value.items()
            if kind in set(NoticeKind)
        },
    )
