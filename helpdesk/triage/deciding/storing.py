"""Store what triage thinks, in place of what it thought before, and apply what is sure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.events.conversation import confirm_unchanged
from helpdesk.events.record import record
from helpdesk.models.ai import TriagePrediction
from helpdesk.models.values import AuthorKind
from helpdesk.rag.questions import Question
from helpdesk.tickets.fields import apply_triage
from helpdesk.triage.deciding.verdict import Verdict

_APPLIED = ("category", "priority", "team", "type")
# The language has no history of its own: whoever reads the ticket sees it in the words.
_SET_LANGUAGE = text("""
    UPDATE tickets SET language = :language
     WHERE organization_id = :organization_id AND id = :ticket_id AND language IS DISTINCT FROM :language
""")


async def store_verdicts(
    session: AsyncSession,
    *,
    organization_id: UUID,
    question: Question,
    verdicts: Sequence[Verdict],
    run_id: UUID | None,
    injection_suspected: bool,
    now: datetime,
) -> list[str]:
    """Supersede the ticket's predictions, apply those that are sure, and return the fields applied.

    Raises:
        TicketGone, TicketMovedOn: the ticket is no longer what the verdicts are about.
    """
    await confirm_unchanged(session, organization_id=organization_id, ticket_id=question.id, seen=question.seen)
    await session.execute(
        update(TriagePrediction)
        .where(
            TriagePrediction.organization_id == organization_id,
            TriagePrediction.ticket_id == question.id,
            TriagePrediction.superseded_at.is_(None),
        )
        .values(superseded_at=now)
    )
    applied = await _apply(session, organization_id=organization_id, ticket_id=question.id, verdicts=verdicts, now=now)
    session.add_all(
        _row(
            verdict,
            organization_id=organization_id,
            ticket_id=question.id,
            run_id=run_id,
            applied_at=now if verdict.field in applied else None,
            now=now,
        )
        for verdict in verdicts
    )
    await record(
        session,
        organization_id=organization_id,
        ticket_id=question.id,
        kind="ticket.triaged",
        now=now,
        actor_kind=AuthorKind.AI,
        data={
            "values": {verdict.field: verdict.value for verdict in verdicts},
            "applied": applied,
            "injection_suspected": injection_suspected,
        },
    )
    return applied


async def _apply(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, verdicts: Sequence[Verdict], now: datetime
) -> list[str]:
    """Apply what is sure and no person has decided; return the names of the fields."""
    sure = {verdict.field: verdict.value for verdict in verdicts if verdict.decision == "auto" and verdict.value}
    applied = await apply_triage(
        session,
        organization_id=organization_id,
        ticket_id=ticket_id,
        values={name: value for name, value in sure.items() if name in _APPLIED},
        now=now,
    )
    if "language" not in sure:
        return applied
    values = {"organization_id": organization_id, "ticket_id": ticket_id, "language": sure["language"]}
    await session.execute(_SET_LANGUAGE, values)
    return [*applied, "language"]


def _row(
    verdict: Verdict,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    run_id: UUID | None,
    applied_at: datetime | None,
    now: datetime,
) -> TriagePrediction:
    return TriagePrediction(
        organization_id=organization_id,
        ticket_id=ticket_id,
        created_at=now,
        run_id=run_id if "model" in verdict.source else None,
        field=verdict.field,
        value=verdict.value,
        probability=verdict.probability,
        alternatives=verdict.alternatives,
        source=verdict.source,
        reason=verdict.reason,
        decision=verdict.decision,
        applied_at=applied_at,
    )
