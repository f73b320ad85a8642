"""What agents make of suggested articles."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, Transaction
from api.schemas.findings import SuggestionView
from api.schemas.suggestions import FeedbackBody, FiguresView, SuggestionStatsView, WeekView
from helpdesk.errors import Invalid
from helpdesk.kb.suggestions.feedback import give_feedback
from helpdesk.kb.suggestions.stats import in_total, suggestion_stats

router = APIRouter(prefix="/kb/suggestions", tags=["kb"])
_USUAL_WEEKS = 12
_LONGEST = timedelta(days=3 * 366)
# Before it there is nothing, and weeks may not be counted back from the first day of the calendar.
_FIRST_DAY = date(2000, 1, 1)


class PeriodRefused(Invalid):
    """The period ends before it begins, or is longer than three years."""


@router.get("/stats", summary="Read how good suggestions are", dependencies=[FROM_REPLICA])
async def read_stats(
    session: ReadSession,
    user: CurrentUser,
    now: Now,
    since: Annotated[date | None, Query(description="First day (UTC); twelve weeks back when left out.")] = None,
    until: Annotated[date | None, Query(description="Day after the last one; tomorrow when left out.")] = None,
) -> SuggestionStatsView:
    """Read what was offered, used and refused, and how often there was nothing suitable, by week."""
    until = until or (now + timedelta(days=1)).date()
    since = since or max(until, _FIRST_DAY) - timedelta(weeks=_USUAL_WEEKS)
    if not timedelta(0) < until - since <= _LONGEST:
        raise PeriodRefused
    weeks = await suggestion_stats(
        session, organization_id=user.organization_id, since=_midnight(since), until=_midnight(until)
    )
    return SuggestionStatsView(
        since=since,
        until=until,
        total=FiguresView.model_validate(in_total(weeks)),
        weeks=[
            WeekView(starts_on=week.starts_on, **FiguresView.model_validate(week.figures).model_dump())
            for week in weeks
        ],
    )


@router.post("/{suggestion_id}/feedback", summary="Say whether a suggestion helped")
async def give_verdict(
    suggestion_id: UUID, feedback: FeedbackBody, session: Transaction, user: CurrentUser, now: Now
) -> SuggestionView:
    """Say whether a suggested article helped, or change what was said; later suggestions learn from it."""
    suggestion = await give_feedback(
        session,
        organization_id=user.organization_id,
        suggestion_id=suggestion_id,
        verdict=feedback.verdict,
        comment=feedback.comment,
        user_id=user.id,
        now=now,
    )
    return SuggestionView.model_validate(suggestion)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
