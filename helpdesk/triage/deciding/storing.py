"""Store what triage thinks, in place of what it thought before, and apply what is sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.events.conversation import confirm_unchanged
from helpdesk.events.record import record
from helpdesk.models.ai import TriagePrediction
from helpdesk.models.values import AuthorKind
from helpdesk.rag.questions import Question
from helpdesk.tickets.fields import apply_triage
from helpdesk.triage.deciding.tagging import tags_of
from helpdesk.triage.deciding.verdict import Verdict

_APPLIED = ("category", "priority", "team", "type", "tags")
# The language has no history of its own: whoever reads the ticket sees it in the words.
_SET_LANGUAGE = text("""
    UPDATE tickets SET language = :language
     WHERE organization_id = :organization_id AND id = :ticket_id AND language IS DISTINCT FROM :language
""")


@dataclass(frozen=True)
class Outcome:
    """What is to be stored of one triage.

    Attributes:
        only_some: whether earlier verdicts on other fields stay current.
        run_id: the call of a text model that some of them rest on.
    """

    verdicts: Sequence[Verdict]
    injection_suspected: bool
    only_some: bool = False
    run_id: UUID | None = None


async def store_verdicts(
    session: AsyncSession, *, organization_id: UUID, question: Question, outcome: Outcome, now: datetime
) -> list[str]:
    """Supersede the ticket's predictions, apply those that are sure, and return the fields applied.

    Never changes a ticket's status, and nothing that a person or a policy has decided.

    Raises:
        TicketGone, TicketMovedOn: the ticket is no longer what the verdicts are about.
    """
    await confirm_unchanged(session, organization_id=organization_id, ticket_id=question.id, seen=question.seen)
    stale = (
        update(TriagePrediction)
        .where(
            TriagePrediction.organization_id == organization_id,
            TriagePrediction.ticket_id == question.id,
            TriagePrediction.superseded_at.is_(None),
        )
        .values(superseded_at=now)
    )
    if outcome.only_some:
        stale = stale.where(TriagePrediction.field.in_([verdict.field for verdict in outcome.verdicts]))
    await session.execute(stale)
    applied = await _apply(
        session, organization_id=organization_id, ticket_id=question.id, verdicts=outcome.verdicts, now=now
    )
    session.add_all(
        _row(
            verdict,
            outcome,
            organization_id=organization_id,
            ticket_id=question.id,
            applied_at=now if verdict.field in applied else None,
            now=now,
        )
        for verdict in outcome.verdicts
    )
    await session.flush()
    return applied


async def note_triage(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    verdicts: Mapping[str, Verdict],
    applied: Sequence[str],
    injection_suspected: bool,
    now: datetime,
) -> None:
    """Record in the ticket's history that it was triaged, and what came of it."""
    await record(
        session,
        organization_id=organization_id,
        ticket_id=ticket_id,
        kind="ticket.triaged",
        now=now,
        actor_kind=AuthorKind.AI,
        data={
            "values": {name: verdict.value for name, verdict in verdicts.items()},
            "applied": sorted(set(applied)),
            "needs_human": sorted(name for name, verdict in verdicts.items() if verdict.needs_human),
            "injection_suspected": injection_suspected,
        },
    )


async def _apply(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, verdicts: Sequence[Verdict], now: datetime
) -> list[str]:
    """Apply what is sure and no person has decided; return the names of the fields."""
    sure = {verdict.field: verdict.value for verdict in verdicts if verdict.decision == "auto" and verdict.value}
    values: dict[str, Any] = {name: value for name, value in sure.items() if name in _APPLIED}
    if "tags" in values:
        values["tags"] = tags_of(values["tags"])
    applied = await apply_triage(session, organization_id=organization_id, ticket_id=ticket_id, values=values, now=now)
    if "language" not in sure:
        return applied
    spoken = {"organization_id": organization_id, "ticket_id": ticket_id, "language": sure["language"]}
    await session.execute(_SET_LANGUAGE, spoken)
    return [*applied, "language"]


def _row(
    verdict: Verdict,
    outcome: Outcome,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    applied_at: datetime | None,
    now: datetime,
) -> TriagePrediction:
    left, vote = verdict.left_open, verdict.vote
    return TriagePrediction(
        organization_id=organization_id,
        ticket_id=ticket_id,
        created_at=now,
        run_id=outcome.run_id if verdict.stage == "model" else None,
        field=verdict.field,
        value=verdict.value,
        probability=verdict.probability,
        alternatives=dict(verdict.alternatives),
        source=verdict.source,
        stage=verdict.stage,
        reason=verdict.reason,
        decision=verdict.decision,
        threshold=verdict.threshold,
        mode=verdict.mode,
        needs_human=verdict.needs_human,
        conformal_set=[] if left is None else list(left.conformal_set),
        familiar=None if left is None else left.familiar,
        # Without a vote there is nothing to weigh it against.
        chances=None if left is None or vote is None else {name: round(p, 6) for name, p in left.chances.items()},
        offered=None if vote is None else list(vote.offered),
        vote=None if vote is None else vote.chosen,
        injection_suspected=outcome.injection_suspected,
        applied_at=applied_at,
    )
