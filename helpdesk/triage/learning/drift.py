"""The weekly report on how triage's predictions drift, and reading the reports of before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.learning import DriftReport
from helpdesk.triage.learning.drift_rule import FieldDrift, Window, drift_of

log = structlog.get_logger(__name__)

WEEK = timedelta(days=7)
# What a week is compared with: the four before it.
REFERENCE = 4 * WEEK
# A summary is a text of its own, and whether a ticket repeats another is no class of tickets.
_FIELDS = ("category", "priority", "team", "type", "impact", "urgency", "tags", "language", "sentiment")

# Raw SQL: sums by field, window and value, of the last prediction of each ticket.
_PREDICTED = text("""
    SELECT field, created_at >= :since AS is_week, CASE WHEN decision <> 'unknown' THEN value END AS value,
           count(*) AS predictions, sum(probability) AS mass, sum(probability ^ 2) AS squares,
           count(*) FILTER (WHERE stage = 'model') AS asked
      FROM triage_predictions
     WHERE organization_id = :organization_id AND created_at >= :reference AND created_at < :until
       AND superseded_at IS NULL AND field = ANY(:fields)
     GROUP BY 1, 2, 3
""")
_JUDGED = text("""
    SELECT field, created_at >= :since AS is_week, count(*) AS judged,
           count(*) FILTER (WHERE verdict <> 'accept') AS overridden
      FROM triage_feedback
     WHERE organization_id = :organization_id AND created_at >= :reference AND created_at < :until
       AND field = ANY(:fields)
     GROUP BY 1, 2
""")


def last_week_until(now: datetime) -> datetime:
    """Return when the last week ended that is over: the last Monday at midnight, UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=midnight.weekday())


async def report_drift(session: AsyncSession, *, organization_id: UUID, until: datetime, now: datetime) -> DriftReport:
    """Compare the week before a time with the four weeks before it, and keep the report; a second one replaces it."""
    since = until - WEEK
    windows = await _windows(session, organization_id=organization_id, since=since, until=until)
    found = {name: drift_of(name, *windows[name]) for name in _FIELDS if name in windows}
    values: dict[str, Any] = {
        "since": since,
        "reference_since": since - REFERENCE,
        "alarm": any(one.act for one in found.values()),
        "summary": _summary(found),
        "fields": {name: asdict(one) for name, one in found.items()},
        "created_at": now,
    }
    await session.execute(
        insert(DriftReport)
        .values(id=new_id(), organization_id=organization_id, until=until, **values)
        .on_conflict_do_update(index_elements=["organization_id", "until"], set_=values)
    )
    if values["alarm"]:
        log.warning("triage_drifted", until=until.isoformat(), summary=values["summary"])
    statement = select(DriftReport).where(DriftReport.organization_id == organization_id, DriftReport.until == until)
    return (await session.scalars(statement.execution_options(populate_existing=True))).one()


async def list_drift_reports(
    session: AsyncSession, *, organization_id: UUID, before: tuple[datetime, UUID] | None = None, most: int = 50
) -> Sequence[DriftReport]:
    """Return reports, that of the latest week first.

    Args:
        before: end of the week and id of the last one seen.
    """
    statement = select(DriftReport).where(DriftReport.organization_id == organization_id)
    if before is not None:
        statement = statement.where(DriftReport.until < before[0])
    return (await session.scalars(statement.order_by(DriftReport.until.desc()).limit(most))).all()


async def _windows(
    session: AsyncSession, *, organization_id: UUID, since: datetime, until: datetime
) -> dict[str, tuple[Window, Window]]:
    """Return the weeks before and the week itself by field."""
    values = {
        "organization_id": organization_id,
        "since": since,
        "until": until,
        "reference": since - REFERENCE,
        "fields": list(_FIELDS),
    }
    parts: dict[tuple[str, bool], list[Any]] = defaultdict(list)
    for row in await session.execute(_PREDICTED, values):
        parts[row.field, row.is_week].append(row)
    judged = {(row.field, row.is_week): row for row in await session.execute(_JUDGED, values)}
    names = {name for name, _ in parts}
    return {
        name: (
            _window(parts[name, False], judged.get((name, False))),
            _window(parts[name, True], judged.get((name, True))),
        )
        for name in names
    }


def _window(rows: Sequence[Any], judged: Any) -> Window:
    named = [row for row in rows if row.value is not None]
    return Window(
        classes={row.value: row.predictions for row in named},
        unknown=sum(row.predictions for row in rows if row.value is None),
        confidence=(sum(row.mass for row in named), sum(row.squares for row in named)),
        asked_model=sum(row.asked for row in rows),
        judged=0 if judged is None else judged.judged,
        overridden=0 if judged is None else judged.overridden,
    )


def _summary(found: dict[str, FieldDrift]) -> str:
    if not found:
        return "Triage predicted nothing."
    drifted = [name for name, one in found.items() if one.act]
    return f"Look at {', '.join(drifted)}." if drifted else "Nothing to do."
