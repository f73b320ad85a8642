"""Keep a question with its answer, the calls that made it, and what had no answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.runs.record import Decision, record_run
from helpdesk.answers.calling import Call
from helpdesk.answers.evidence import Evidence
from helpdesk.answers.trace import trace_of
from helpdesk.asking.events import Done
from helpdesk.asking.lookup import Found, searched
from helpdesk.asking.outcome import Outcome
from helpdesk.asking.question import Asked
from helpdesk.database.base import new_id
from helpdesk.models.questions import AskedQuestion
from helpdesk.models.values import SourceType, UnansweredOrigin
from helpdesk.rag.retrieval.unanswered import note_unanswered


@dataclass(frozen=True)
class Kept:
    """A question on its way into the database."""

    asked: Asked
    found: Found
    evidence: Evidence
    outcome: Outcome
    call: Call | None
    degraded: bool
    took_ms: dict[str, float]


async def keep_question(
    session: AsyncSession, kept: Kept, *, organization_id: UUID, user_id: UUID | None, now: datetime
) -> Done:
    """Store a question and its answer, record the call, note what nothing answered; return what to tell."""
    asked, outcome, call = kept.asked, kept.outcome, kept.call
    run_ids: list[UUID] = []
    if call is not None:
        run_ids.append(
            await record_call(
                session,
                call,
                organization_id=organization_id,
                asked=asked,
                trace=trace_of(kept.found.answer),
                decision=_decision(call, outcome),
                citations=sorted({cite for sentence in outcome.sentences for cite in sentence["cites"]}),
                now=now,
            )
        )
    if outcome.abstained and not kept.degraded and _asks_all_articles(asked):
        await note_unanswered(
            session,
            organization_id=organization_id,
            text=kept.found.searched,
            origin=UnansweredOrigin.ASK,
            ticket_id=asked.ticket_id,
            best_relevance=kept.found.answer.best_relevance,
            now=now,
        )
    done = Done(
        id=new_id(),
        run_ids=run_ids,
        method=outcome.method,
        note="" if outcome.abstained else outcome.reason,
        degraded=kept.degraded,
        language=kept.evidence.sources[0].document.language if outcome.sentences else None,
        model=None if call is None else call.identity.name,
        dropped=len(outcome.dropped),
        took_ms=kept.took_ms,
    )
    session.add(_row(kept, done, organization_id=organization_id, user_id=user_id, now=now))
    return done


def _asks_all_articles(asked: Asked) -> bool:
    """Return whether no answer means that no article has it; a narrower search may miss what is there."""
    return SourceType.KB in asked.types and not asked.filters.as_json()


def _row(kept: Kept, done: Done, *, organization_id: UUID, user_id: UUID | None, now: datetime) -> AskedQuestion:
    return AskedQuestion(
        id=done.id,
        organization_id=organization_id,
        created_at=now,
        user_id=user_id,
        ticket_id=kept.asked.ticket_id,
        question=kept.asked.text,
        searched=kept.found.searched,
        scope=searched(kept.asked, kept.found),
        language=done.language,
        sentences=kept.outcome.sentences,
        sources=[source.as_json() for source in kept.evidence.sources],
        nearest=kept.outcome.nearest,
        dropped=kept.outcome.dropped,
        abstained=kept.outcome.abstained,
        reason=kept.outcome.reason,
        method=kept.outcome.method,
        degraded=kept.degraded,
        model=done.model,
        took_ms=done.took_ms,
        run_ids=done.run_ids,
    )


def _decision(call: Call, outcome: Outcome) -> Decision:
    if call.error is not None:
        return "error"
    return "accepted" if outcome.method == "model" else "abstained"


async def record_call(
    session: AsyncSession,
    call: Call,
    *,
    organization_id: UUID,
    asked: Asked,
    trace: dict[str, Any],
    decision: Decision,
    citations: list[str] | None = None,
    now: datetime,
) -> UUID:
    """Record a call of the text model; return the run's id."""
    return await record_run(
        session,
        organization_id=organization_id,
        kind="ask",
        ticket_id=asked.ticket_id,
        prompt=call.prompt,
        schema=call.schema,
        identity=call.identity,
        answer=call.answer,
        error=call.error,
        busy_ms=call.meter.ms,
        citations=citations or (),
        retrieval_trace=trace,
        decision=decision,
        now=now,
    )
