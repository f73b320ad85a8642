"""Figures over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from api.schemas.bodies import View
from helpdesk.metrics.catalogue import Metric
from helpdesk.metrics.summary import Compared, GroupSummary, Summary


class SnapshotView(View):
    """One figure of one bucket."""

    granularity: str
    bucket_start: datetime
    metric: str
    dimensions: dict[str, Any]
    value: float | None
    count: int
    updated_at: datetime


class MetricView(View):
    """What a metric says."""

    name: str
    unit: str
    description: str
    split: str = Field(description="`ticket`: by every slice; `metric` and `field`: also by promise and by field.")
    change: str = Field(description="What may change a figure after its bucket has ended and settled.")

    @classmethod
    def of(cls, metric: Metric) -> MetricView:
        """Return the view of a metric."""
        return cls.model_validate(metric)


class FigureView(BaseModel):
    """A figure of a time, beside that of the time before it."""

    metric: str
    unit: str
    detail: str | None = Field(description="The promise or field it is of; null for all of them.")
    value: float | None
    count: int = Field(description="How many cases it is drawn from.")
    previous: float | None
    previous_count: int
    change: float | None = Field(description="The value less the previous one, in the same unit.")

    @classmethod
    def of(cls, found: Compared) -> FigureView:
        """Return the view of a figure."""
        return cls(
            metric=found.metric.name,
            unit=found.metric.unit,
            detail=found.detail,
            value=found.value,
            count=found.count,
            previous=found.previous,
            previous_count=found.previous_count,
            change=found.change,
        )


class GroupView(BaseModel):
    """The figures of one agent, team, company and so on."""

    key: str
    name: str
    figures: list[FigureView]


class SummaryView(BaseModel):
    """A time summed up."""

    since: datetime
    until: datetime
    previous_since: datetime
    previous_until: datetime
    by: str | None
    total: list[FigureView]
    groups: list[GroupView]

    @classmethod
    def of(cls, found: Summary) -> SummaryView:
        """Return the view of a summary."""
        before = found.span.before
        return cls(
            since=found.span.since,
            until=found.span.until,
            previous_since=before.since,
            previous_until=before.until,
            by=found.by,
            total=_figures(found.total),
            groups=[GroupView(key=str(g.key), name=str(g.name), figures=_figures(g)) for g in found.groups],
        )


def _figures(group: GroupSummary) -> list[FigureView]:
    return [FigureView.of(figure) for figure in group.figures]


class PointView(BaseModel):
    """One bucket of a line."""

    bucket_start: datetime
    value: float | None
    count: int


class LineView(BaseModel):
    """One metric of the total, or of one value of a slice, bucket by bucket."""

    metric: str
    unit: str
    key: str | None
    name: str | None
    points: list[PointView]


class SeriesView(BaseModel):
    """Lines over a time."""

    since: datetime
    until: datetime
    granularity: str
    by: str | None
    lines: list[LineView]


class NewBackfill(BaseModel):
    """The time to take the figures of."""

    since: AwareDatetime
    until: AwareDatetime


class BackfillView(BaseModel):
    """The job that takes the figures."""

    job_id: UUID
