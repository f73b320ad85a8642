"""Read the gates of triage, and what they are decided by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.ai_policy import TriagePolicy
from helpdesk.models.learning import TriageGate, TriageGateChange
from helpdesk.triage.learning.gate_rule import DAYS, NEWEST, UNTOUCHED, Judged, Tally
from helpdesk.triage.learning.standing import KIND

# Silence becomes consent when tickets are settled, which nothing tells of.
_REVIEWED_EVERY = timedelta(hours=1)

_GATES = """
    SELECT g.field, g.value, g.state, g.reason, g.judged, g.correct, g.floor, g.counted_from, g.changed_at,
           g.reviewed_at,
           (SELECT count(*) FROM triage_gate_changes c
             WHERE c.organization_id = :organization_id AND c.field = g.field AND c.value = g.value
               AND c.state = 'fallen_back' AND c.created_at > g.reviewed_at - interval '30 days') AS falls
      FROM triage_gates g WHERE g.organization_id = :organization_id ORDER BY g.field, g.value
"""
_STORED = text(_GATES)
_LOCKED = text(f"{_GATES} FOR UPDATE OF g")
_NEWEST_WORD = text("SELECT max(created_at) FROM triage_feedback WHERE organization_id = :organization_id")
_CHAMPION_SINCE = text("""
    SELECT state_since FROM ml_models
     WHERE organization_id = :organization_id AND kind = :kind AND state = 'champion'
""")
# Raw SQL: people's words on predictions, and predictions that were set and left alone until an agent had answered and
# the ticket was settled; the newest of each value.
_JUDGED = text("""
    WITH judged AS (
        SELECT p.field, p.value, p.probability, p.applied_at IS NOT NULL AS applied, p.created_at AS made_at,
               f.created_at AS judged_at, f.verdict = 'accept' AS correct, 1.0 AS weight, f.final_value, f.value_before
          FROM triage_feedback f JOIN triage_predictions p ON p.id = f.prediction_id
         WHERE f.organization_id = :organization_id AND f.created_at > :since
           AND p.decision IN ('auto', 'suggest') AND p.value IS NOT NULL
        UNION ALL
        SELECT p.field, p.value, p.probability, true, p.created_at, t.solved_at, true, :untouched,
               p.value, NULL
          FROM tickets t JOIN triage_predictions p ON p.ticket_id = t.id AND p.superseded_at IS NULL
         WHERE t.organization_id = :organization_id AND t.status IN ('solved', 'closed') AND t.solved_at > :since
           AND t.first_public_reply_at IS NOT NULL AND t.decided_by->>p.field = 'ai'
           AND p.organization_id = :organization_id AND p.applied_at IS NOT NULL AND p.value IS NOT NULL
           AND NOT EXISTS (SELECT FROM triage_feedback f WHERE f.prediction_id = p.id)),
    placed AS (
        SELECT *, row_number() OVER (PARTITION BY field, value ORDER BY judged_at DESC, made_at DESC) AS place
          FROM judged)
    SELECT field, value, probability, applied, made_at, judged_at, correct, weight, final_value, value_before
      FROM placed WHERE place <= :newest
""")


@dataclass(frozen=True)
class StoredGate:
    """A gate as it is kept.

    Attributes:
        counted_from: only what was predicted since counts.
        falls: how often it fell within the last 30 days.
    """

    state: Literal["open", "fallen_back"]
    reason: str
    tally: Tally
    counted_from: datetime | None
    changed_at: datetime
    reviewed_at: datetime
    falls: int


async def stored_gates(
    session: AsyncSession, *, organization_id: UUID, lock: bool = False
) -> dict[tuple[str, str], StoredGate]:
    """Return the gates by field and value as they were at their last review; a whole field has the empty value."""
    rows = await session.execute(_LOCKED if lock else _STORED, {"organization_id": organization_id})
    return {
        (row.field, row.value): StoredGate(
            row.state,
            row.reason,
            Tally(row.judged, row.correct, row.floor),
            row.counted_from,
            row.changed_at,
            row.reviewed_at,
            row.falls,
        )
        for row in rows
    }


async def is_due(session: AsyncSession, *, organization_id: UUID, stored: Iterable[StoredGate], now: datetime) -> bool:
    """Return whether the gates have to be looked at anew."""
    reviewed = min((gate.reviewed_at for gate in stored), default=None)
    if reviewed is None or now - reviewed >= _REVIEWED_EVERY:
        return True
    scope = {"organization_id": organization_id}
    newest = await session.scalar(_NEWEST_WORD, scope)
    since = await champion_since(session, organization_id=organization_id)
    return any(moment is not None and moment >= reviewed for moment in (newest, since))


async def champion_since(session: AsyncSession, *, organization_id: UUID) -> datetime | None:
    """Return since when the classifier in use is, None where there is none."""
    found: datetime | None = await session.scalar(_CHAMPION_SINCE, {"organization_id": organization_id, "kind": KIND})
    return found


async def judged_lately(
    session: AsyncSession, *, organization_id: UUID, policy: TriagePolicy, now: datetime
) -> list[Judged]:
    """Return the predictions that were judged in the last 30 days, the newest 50 of each value."""
    values = {
        "organization_id": organization_id,
        "since": now - timedelta(days=DAYS),
        "untouched": UNTOUCHED,
        "newest": NEWEST,
    }
    return [one for row in await session.execute(_JUDGED, values) for one in _judged(row, policy)]


def _judged(row: Any, policy: TriagePolicy) -> Iterator[Judged]:
    """Yield what a word says of a prediction; of tags, what it says of each that the ticket had not yet."""
    wanted = policy.accuracy_of(row.field)
    needed = wanted if row.applied else min(wanted, row.probability)
    whole = Judged(row.field, row.value, row.correct, float(row.weight), needed, row.made_at, row.judged_at)
    if row.field != "tags":
        yield whole
        return
    final, before = set(_tags(row.final_value)), set(_tags(row.value_before))
    for tag in _tags(row.value):
        if tag not in before:
            yield replace(whole, value=tag, correct=tag in final)


def _tags(value: str | None) -> list[str]:
    return [tag for tag in (value or "").split(", ") if tag]


async def list_gates(session: AsyncSession, *, organization_id: UUID) -> Sequence[TriageGate]:
    """Return the gates as they were at their last review, by field and value."""
    statement = (
        select(TriageGate)
        .where(TriageGate.organization_id == organization_id)
        .order_by(TriageGate.field, TriageGate.value)
    )
    return (await session.scalars(statement)).all()


async def list_gate_changes(
    session: AsyncSession, *, organization_id: UUID, before: UUID | None = None, most: int = 50
) -> Sequence[TriageGateChange]:
    """Return when gates fell and opened, the latest first.

    Args:
        before: the id of the last one seen.
    """
    statement = select(TriageGateChange).where(TriageGateChange.organization_id == organization_id)
    if before is not None:
        statement = statement.where(TriageGateChange.id < before)
    return (await session.scalars(statement.order_by(TriageGateChange.id.desc()).limit(most))).all()
