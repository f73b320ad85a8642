"""Figures over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Double, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, Tenant, one_of


class MetricSnapshot(Tenant, Base):
    """One figure of one bucket; taking it again replaces it."""

    __tablename__ = "metric_snapshots"
    __table_args__ = (
        UniqueConstraint("organization_id", "granularity", "bucket_start", "metric", "dimension_key"),
        Index("ix_metric_snapshots_metric", "organization_id", "metric", "granularity", "bucket_start"),
        one_of("granularity", ("15m", "1d")),
    )

    granularity: Mapped[str]
    bucket_start: Mapped[datetime]
    metric: Mapped[str]
    dimensions: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    dimension_key: Mapped[str] = mapped_column(server_default="")
    value: Mapped[float | None] = mapped_column(Double)
    count: Mapped[int] = mapped_column(server_default=text("0"))
    updated_at: Mapped[Moment] = mapped_column(onupdate=func.now())
