"""Sum a time up, beside the one of the same length before it.

Everything is computed from what happened, not from the figures of buckets: neither percentiles nor shares add up.
What is known at the moment only is taken from the quarters in which somebody looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.metrics.catalogue import BY_NAME, MOMENTARY, OF_MODELS, Metric, known
from helpdesk.metrics.figures import Wanted, figures_of
from helpdesk.metrics.names import names_of
from helpdesk.metrics.own_figures import seen_figures
from helpdesk.metrics.slices import Figure, Slice
from helpdesk.metrics.spans import EVERYBODY, Reader, Span, may_see

MOST_GROUPS = 500


@dataclass(frozen=True)
class Compared:
    """One figure of a time, and of the one before it.

    Attributes:
        detail: the promise or field it is of; None for all of them.
        change: the value less the previous one; None where either is missing.
    """

    metric: Metric
    detail: str | None
    value: float | None
    count: int
    previous: float | None
    previous_count: int

    @property
    def change(self) -> float | None:
        """Return by how much it has changed."""
        return None if self.value is None or self.previous is None else self.value - self.previous


@dataclass(frozen=True)
class GroupSummary:
    """The figures of the total, or of one value of a slice."""

    key: str | None
    name: str | None
    figures: list[Compared]


@dataclass(frozen=True)
class Summary:
    """A time summed up."""

    span: Span
    by: Slice | None
    total: GroupSummary
    groups: list[GroupSummary]


async def summarise(
    session: AsyncSession,
    *,
    organization_id: UUID,
    span: Span,
    now: datetime,
    by: Slice | None = None,
    metrics: Sequence[str] = (),
    reader: Reader = EVERYBODY,
    models_only: bool = False,
) -> Summary:
    """Return the figures of a time and of the one before it: the total and, of a slice, each value with any.

    Of a time that is not over, the end is now, and the one before it is as long as what has passed of it.

    Args:
        metrics: only these.
        models_only: only what models and queues did, which takes less time.

    Raises:
        UnknownMetric: one of the metrics is none.
    """
    asked = known(metrics) or list(BY_NAME)
    wanted = {name for name in asked if not models_only or name in OF_MODELS}
    span = Span(span.since, max(min(span.until, now), span.since))
    current, previous = [
        _grouped(await _figures(session, organization_id, one, by, wanted), by) for one in (span, span.before)
    ]
    keys = [key for key in current | previous if key[0] and may_see(reader, by, key[1])]
    keys.sort(key=lambda key: -sum(figure.count for figure in current.get(key, {}).values()))
    keys = keys[:MOST_GROUPS]
    names: dict[str, str] = {}
    if by is not None:
        names = await names_of(session, organization_id=organization_id, by=by, keys=[value for _, value in keys])
    groups = [
        GroupSummary(value, names[value], _compared(current.get((name, value), {}), previous.get((name, value), {})))
        for name, value in keys
    ]
    total = GroupSummary(None, None, _compared(current.get(("", ""), {}), previous.get(("", ""), {})))
    return Summary(span, by, total, groups)


async def _figures(
    session: AsyncSession, organization_id: UUID, span: Span, by: Slice | None, metrics: set[str]
) -> list[Figure]:
    wanted = Wanted(organization_id, span.since, span.until, slices=() if by is None else (by,), metrics=metrics)
    bounds = {"organization_id": organization_id, "starts": span.since, "ends": span.until}
    return await figures_of(session, wanted) + await seen_figures(session, bounds, sorted(MOMENTARY & metrics))


def _grouped(
    figures: Sequence[Figure], by: Slice | None
) -> dict[tuple[str, str], dict[tuple[str, str | None], Figure]]:
    """Put figures under their slice's value, and there under their metric and detail."""
    groups: dict[tuple[str, str], dict[tuple[str, str | None], Figure]] = {}
    for figure in figures:
        [(name, value)] = figure.dimensions.items() or [("", "")]
        if name in {"", by}:
            groups.setdefault((name, value), {})[figure.metric, None] = figure
        else:
            groups.setdefault(("", ""), {})[figure.metric, value] = figure
    return groups


def _compared(
    current: dict[tuple[str, str | None], Figure], previous: dict[tuple[str, str | None], Figure]
) -> list[Compared]:
    places = {name: place for place, name in enumerate(BY_NAME)}
    keys = sorted(current | previous, key=lambda key: (places[key[0]], key[1] or ""))
    return [
        _pair(BY_NAME[name], detail, current.get((name, detail)), previous.get((name, detail))) for name, detail in keys
    ]


def _pair(metric: Metric, detail: str | None, now: Figure | None, before: Figure | None) -> Compared:
    # Where nothing happened, a count is none; a time or a share is not.
    nothing = Figure(metric.name, {}, 0.0 if metric.statistic == "n" else None, 0)
    now, before = now or nothing, before or nothing
    return Compared(metric, detail, now.value, now.count, before.value, before.count)
