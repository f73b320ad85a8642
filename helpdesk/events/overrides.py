"""What a person sets by hand is a word on what triage predicted: kept as a label in the same transaction.

It agrees where the value is the predicted one, and corrects it otherwise. A person who sets the field back to what it
held before takes the word back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.tickets import Ticket
from helpdesk.queue.catalog import RetrainTriage
from helpdesk.queue.enqueue import enqueue

Verdict: TypeAlias = Literal["accept", "correct", "reject"]
# What the fields of a ticket hold, as text; nothing is the empty text.
Standing: TypeAlias = dict[str, str]

# So many corrections that the classifier has not seen are worth a training.
RETRAIN_AFTER = 25

_CURRENT = text("""
    SELECT p.id, p.field, p.value, f.value_before
      FROM triage_predictions p LEFT JOIN triage_feedback f ON f.prediction_id = p.id
     WHERE p.organization_id = :organization_id AND p.ticket_id = :ticket_id AND p.superseded_at IS NULL
       AND p.field = ANY(:fields)
""")
_SLUGS = text("""
    SELECT id::text AS id, slug FROM categories WHERE organization_id = :organization_id AND id = :category_id
    UNION ALL SELECT id::text, slug FROM teams WHERE organization_id = :organization_id AND id = :team_id
""")
_TAKE_BACK = text("""
    DELETE FROM triage_feedback WHERE organization_id = :organization_id AND prediction_id = :prediction_id
""")
# One word a prediction, the last one; what the field held before the first one stays known.
_PUT = text("""
    INSERT INTO triage_feedback AS word (id, organization_id, ticket_id, prediction_id, field, predicted, final_value,
                                         verdict, origin, value_before, user_id, created_at)
    SELECT :id, p.organization_id, p.ticket_id, p.id, p.field, p.value, :final_value, :verdict, :origin, :value_before,
           :user_id, :now
      FROM triage_predictions p WHERE p.organization_id = :organization_id AND p.id = :prediction_id
        ON CONFLICT (prediction_id) WHERE prediction_id IS NOT NULL
        DO UPDATE SET final_value = excluded.final_value, verdict = excluded.verdict, origin = excluded.origin,
                      value_before = coalesce(word.value_before, excluded.value_before), user_id = excluded.user_id,
                      created_at = excluded.created_at
     WHERE (word.final_value, word.verdict, word.origin)
           IS DISTINCT FROM (excluded.final_value, excluded.verdict, excluded.origin)
    RETURNING verdict
""")
_UNSEEN_CORRECTIONS = text("""
    SELECT count(*) FROM triage_feedback
     WHERE organization_id = :organization_id AND verdict = 'correct'
       AND created_at > coalesce((SELECT max(created_at) FROM ml_models
                                   WHERE organization_id = :organization_id AND kind = 'triage'), '-infinity')
""")


def standing_of(ticket: Ticket) -> Standing:
    """Return what those fields of a ticket hold that triage predicts."""
    return {
        "category": str(ticket.category_id or ""),
        "team": str(ticket.team_id or ""),
        "priority": str(ticket.priority),
        "type": str(ticket.type),
        "tags": tags_as_text(ticket.tags),
        "impact": str(ticket.custom.get("impact") or ""),
        "urgency": str(ticket.custom.get("urgency") or ""),
    }


def tags_as_text(tags: Any) -> str:
    """Return tags as one value of a prediction, whatever their order."""
    return ", ".join(sorted(set(tags)))


async def note_edits(
    session: AsyncSession, *, ticket: Ticket, was: Mapping[str, str], user_id: UUID | None, now: datetime
) -> None:
    """Keep what a person has set, by the fields that differ from before, as labels of the current predictions.

    Args:
        was: what the fields held before, see `standing_of`; the caller holds the lock on the ticket.
    """
    stands = standing_of(ticket)
    changed = [field for field, value in stands.items() if value != was[field]]
    if not changed:
        return
    scope = {"organization_id": ticket.organization_id, "ticket_id": ticket.id}
    current = (await session.execute(_CURRENT, scope | {"fields": changed})).all()
    if not current:
        return
    slugs = await _slugs(session, ticket)
    for prediction in current:
        raw = stands[prediction.field]
        if prediction.value_before == raw:
            await take_back(session, organization_id=ticket.organization_id, prediction_id=prediction.id)
            continue
        value = slugs.get(raw, raw) or None
        await put_word(
            session,
            organization_id=ticket.organization_id,
            prediction_id=prediction.id,
            verdict=_verdict(prediction.value, value),
            value=value,
            origin="edit",
            value_before=was[prediction.field],
            user_id=user_id,
            now=now,
        )


async def put_word(
    session: AsyncSession,
    *,
    organization_id: UUID,
    prediction_id: UUID,
    verdict: Verdict,
    value: str | None,
    origin: Literal["verdict", "edit"],
    user_id: UUID | None,
    now: datetime,
    value_before: str | None = None,
) -> None:
    """Keep a word on a prediction in place of the one before; the same word again changes nothing.

    With enough corrections that the classifier has not seen, its training is asked for.

    Args:
        value: what the person says the field should hold; None where they only say what it should not.
        value_before: what the field held before they set it.
    """
    stored = await session.scalar(
        _PUT,
        {
            "id": new_id(),
            "organization_id": organization_id,
            "prediction_id": prediction_id,
            "final_value": value,
            "verdict": verdict,
            "origin": origin,
            "value_before": value_before,
            "user_id": user_id,
            "now": now,
        },
    )
    if stored != "correct":
        return
    unseen: int = await session.scalar(_UNSEEN_CORRECTIONS, {"organization_id": organization_id}) or 0
    if unseen >= RETRAIN_AFTER:
        await ask_to_retrain(session, organization_id=organization_id)


async def take_back(session: AsyncSession, *, organization_id: UUID, prediction_id: UUID) -> None:
    """Forget a person's word on a prediction, as if there had been none."""
    await session.execute(_TAKE_BACK, {"organization_id": organization_id, "prediction_id": prediction_id})


async def ask_to_retrain(session: AsyncSession, *, organization_id: UUID) -> None:
    """Have the classifier trained anew; while that waits or runs, asking once more changes nothing."""
    await enqueue(session, RetrainTriage(), organization_id=organization_id, unique_key="triage")


async def _slugs(session: AsyncSession, ticket: Ticket) -> dict[str, str]:
    """Return the slugs of the ticket's category and team by id."""
    values = {
        "organization_id": ticket.organization_id,
        "category_id": ticket.category_id,
        "team_id": ticket.team_id,
    }
    return {row.id: row.slug for row in await session.execute(_SLUGS, values)}


def _verdict(predicted: str | None, value: str | None) -> Verdict:
    if value is None:
        return "reject"
    return "accept" if value == predicted else "correct"
