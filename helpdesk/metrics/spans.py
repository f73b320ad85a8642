"""Which time somebody asks about, and what of it they may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from helpdesk.errors import Invalid
from helpdesk.metrics.buckets import Granularity
from helpdesk.metrics.slices import Slice

MOST_DAYS = {Granularity.QUARTER: 31, Granularity.DAY: 1100}
MOST_SUMMARY_DAYS = 400


class SpanRefused(Invalid):
    """The time cannot be looked at."""


@dataclass(frozen=True)
class Span:
    """A stretch of time, half open."""

    since: datetime
    until: datetime

    @property
    def before(self) -> Span:
        """Return the stretch of the same length that ends where this one begins."""
        return Span(self.since - (self.until - self.since), self.since)


@dataclass(frozen=True)
class Reader:
    """Who reads: somebody who may see the figures of every agent, or only their own."""

    user_id: UUID | None = None
    sees_agents: bool = True


EVERYBODY = Reader()


def summary_span(since: datetime, until: datetime) -> Span:
    """Return a time to sum up.

    Raises:
        SpanRefused: it ends before it begins, or is too long.
    """
    return _checked(since, until, MOST_SUMMARY_DAYS)


def series_span(since: datetime, until: datetime, granularity: Granularity) -> Span:
    """Return a time to read buckets of.

    Raises:
        SpanRefused: it ends before it begins, or has too many buckets.
    """
    return _checked(since, until, MOST_DAYS[granularity])


def _checked(since: datetime, until: datetime, most: int) -> Span:
    if since >= until:
        raise SpanRefused("The time ends before it begins; `since` must be before `until`.")
    if until - since > timedelta(days=most):
        raise SpanRefused(f"At most {most} days can be looked at.")
    return Span(since, until)


def may_see(reader: Reader, by: Slice | None, key: str) -> bool:
    """Tell whether a reader may see a figure of a slice's value."""
    return by is not Slice.AGENT or reader.sees_agents or key == str(reader.user_id)
