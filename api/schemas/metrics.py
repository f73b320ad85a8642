"""Figures over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.schemas.bodies import View


class SnapshotView(View):
    """One figure of one bucket."""

    granularity: str
    bucket_start: datetime
    metric: str
    dimensions: dict[str, Any]
    value: float | None
    count: int
    updated_at: datetime
