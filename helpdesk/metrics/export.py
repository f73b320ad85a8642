"""Figures as a table that a spreadsheet opens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.metrics.buckets import Granularity
from helpdesk.metrics.catalogue import BY_NAME
from helpdesk.metrics.names import names_of
from helpdesk.metrics.queries import every_snapshot
from helpdesk.metrics.slices import Slice
from helpdesk.metrics.spans import EVERYBODY, Reader, Span
from helpdesk.metrics.summary import Compared, Summary
from helpdesk.models.metrics import MetricSnapshot
from helpdesk.spreadsheets import BYTE_ORDER_MARK, Cell, csv_bytes

_HEADER = ("bucket_start", "granularity", "metric", "unit", "dimension", "key", "name", "value", "count")
_SUMMARY_HEADER = (
    *("since", "until", "dimension", "key", "name", "metric", "detail", "unit"),
    *("value", "count", "previous", "previous_count", "change"),
)


async def csv_of_series(
    database: Database,
    *,
    organization_id: UUID,
    span: Span,
    granularity: Granularity,
    metrics: Sequence[str] = (),
    reader: Reader = EVERYBODY,
) -> AsyncIterator[bytes]:
    """Yield the figures of a time as CSV, piece by piece, with a byte order mark before them."""
    yield BYTE_ORDER_MARK + csv_bytes([_HEADER])
    pieces = every_snapshot(
        database, organization_id=organization_id, span=span, granularity=granularity, metrics=metrics, reader=reader
    )
    names: dict[tuple[str, str], str] = {}
    async for rows in pieces:
        await _learn(database, organization_id, rows, names)
        yield csv_bytes(_line(row, names) for row in rows)


def csv_of_summary(summary: Summary) -> bytes:
    """Return a summary as CSV, without a byte order mark."""
    lines = [(group, figure) for group in (summary.total, *summary.groups) for figure in group.figures]
    by = summary.by.value if summary.by else ""
    span = (summary.span.since, summary.span.until)
    rows: Iterable[Sequence[Cell]] = (
        (*span, by if group.key else "", group.key, group.name, *_figure(figure)) for group, figure in lines
    )
    return csv_bytes([_SUMMARY_HEADER, *rows])


def _figure(figure: Compared) -> tuple[Cell, ...]:
    metric = figure.metric
    return (
        *(metric.name, figure.detail, metric.unit.value, figure.value, figure.count),
        *(figure.previous, figure.previous_count, figure.change),
    )


async def _learn(
    database: Database, organization_id: UUID, rows: Sequence[MetricSnapshot], names: dict[tuple[str, str], str]
) -> None:
    """Look up the names of the slices' values that are not known yet."""
    new = {pair for row in rows for pair in row.dimensions.items()} - names.keys()
    for by in Slice:
        if keys := [key for name, key in new if name == by]:
            async with database.transaction(organization_id) as session:
                found = await names_of(session, organization_id=organization_id, by=by, keys=keys)
            names.update({(by.value, key): name for key, name in found.items()})


def _line(row: MetricSnapshot, names: dict[tuple[str, str], str]) -> tuple[Cell, ...]:
    [(dimension, key)] = row.dimensions.items() or [("", "")]
    unit = BY_NAME[row.metric].unit.value if row.metric in BY_NAME else ""
    name = names.get((dimension, key), key)
    return (row.bucket_start, row.granularity, row.metric, unit, dimension, key, name, row.value, row.count)
