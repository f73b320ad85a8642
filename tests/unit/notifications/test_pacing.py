from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from helpdesk.models.values import NoticeChannel, NoticeKind, NoticeTiming
from helpdesk.notifications.preferences.choices import (
    InvalidPreferences,
    Preferences,
    timings_from_json,
    usual_timings,
    with_timings,
)
from helpdesk.notifications.preferences.pacing import Pace, Slot, Wait, slot
from helpdesk.notifications.preferences.quiet_hours import QuietHours

VIENNA = ZoneInfo("Europe/Vienna")
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 3, 22, 0, tzinfo=UTC)
MORNING = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUIET = QuietHours.from_json([{"from": "22:00", "to": "07:00"}])


def digests(*kinds: NoticeKind) -> Any:
    return with_timings(usual_timings(), {kind: {NoticeChannel.EMAIL: NoticeTiming.DIGEST} for kind in kinds})


def placed(kind: str = "sla.warning", *, pace: Pace | None = None, now: datetime = NOON, **chosen: Any) -> Slot:
    return slot(kind, preferences=Preferences(**chosen), zone=VIENNA, pace=pace or Pace(), now=now)


def test_the_first_mail_goes_out_at_once_and_what_follows_is_collected() -> None:
    first = placed()
    assert (first.at, first.pace) == (None, Pace(NOON + 10 * MINUTE))
    second = placed(pace=first.pace, now=NOON + MINUTE)
    assert (second.at, second.wait) == (NOON + 10 * MINUTE, Wait.BURST)
    third = placed(pace=second.pace, now=NOON + 9 * MINUTE)
    assert (third.at, third.pace) == (NOON + 10 * MINUTE, second.pace)
    assert placed(pace=third.pace, now=NOON + 10 * MINUTE).at is None


def test_the_time_to_collect_is_the_users_choice() -> None:
    assert placed(digest_minutes=240).pace.collecting_until == NOON + 240 * MINUTE


def test_a_kind_that_is_for_digests_waits_for_the_next_one_and_keeps_no_other_back() -> None:
    chosen = {"timings": digests(NoticeKind.SLA_WARNING)}
    first = placed(**chosen)
    assert (first.at, first.wait) == (NOON + 10 * MINUTE, Wait.DIGEST)
    second = placed(pace=first.pace, now=NOON + 5 * MINUTE, **chosen)
    assert second.at == NOON + 10 * MINUTE
    breach = placed("sla.breach", pace=second.pace, now=NOON + 6 * MINUTE, **chosen)
    assert breach.at is None
    late = placed(pace=second.pace, now=NOON + 11 * MINUTE, **chosen)
    assert late.at == NOON + 21 * MINUTE


def test_a_digest_goes_out_with_what_a_burst_left() -> None:
    chosen = {"timings": digests(NoticeKind.TICKET_REPLIED)}
    first = placed(**chosen)
    reply = placed("ticket.replied", pace=first.pace, now=NOON + 3 * MINUTE, **chosen)
    assert reply.at == NOON + 10 * MINUTE


def test_quiet_hours_hold_mail_back_until_they_end() -> None:
    held = placed(now=NIGHT, quiet_hours=QUIET)
    assert (held.at, held.wait) == (MORNING, Wait.QUIET_HOURS)
    assert held.pace.collecting_until is None
    again = placed("sla.breach", pace=held.pace, now=NIGHT + MINUTE, quiet_hours=QUIET)
    assert again.at == MORNING


def test_a_breach_can_be_let_through_and_then_keeps_its_own_pace() -> None:
    chosen = {"quiet_hours": QUIET, "urgent_in_quiet_hours": True}
    first = placed("sla.breach", now=NIGHT, **chosen)
    assert first.at is None
    assert placed("sla.breach", pace=first.pace, now=NIGHT + MINUTE, **chosen).at == NIGHT + 10 * MINUTE
    assert placed("sla.warning", pace=first.pace, now=NIGHT + MINUTE, **chosen).at == MORNING


def test_a_digest_that_would_be_due_in_quiet_hours_waits_for_their_end() -> None:
    evening = NIGHT - timedelta(hours=1, minutes=2)
    first = placed(now=evening, quiet_hours=QUIET)
    assert first.at is None
    second = placed(pace=first.pace, now=evening + MINUTE, quiet_hours=QUIET)
    assert (second.at, second.wait) == (MORNING, Wait.BURST)


def test_only_what_is_unusual_is_stored_and_kinds_of_another_time_are_passed_over() -> None:
    chosen = Preferences(timings=digests(NoticeKind.SLA_WARNING))
    assert Preferences().unusual_timings() == {}
    assert chosen.unusual_timings() == {"sla.warning": {"email": "digest"}}
    assert timings_from_json(chosen.unusual_timings() | {"ticket.gone": {"email": "off"}}) == chosen.timings


def test_there_is_no_digest_in_the_app() -> None:
    with pytest.raises(InvalidPreferences, match="Digests are mailed"):
        with_timings(usual_timings(), {NoticeKind.SLA_BREACH: {NoticeChannel.IN_APP: NoticeTiming.DIGEST}})
