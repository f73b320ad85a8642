"""Answer a question: find sources, quote them or have a model phrase, check every sentence, keep, tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import anyio
import structlog

from helpdesk.ai.model import Models
from helpdesk.ai.providers.choice import ChosenModel, language_for
from helpdesk.answers.calling import AskerLeft, Call, model_to_ask, writes
from helpdesk.answers.evidence import Evidence
from helpdesk.answers.naming import unnamed_codes
from helpdesk.answers.standing import nearest_misses
from helpdesk.answers.trace import trace_of
from helpdesk.asking.events import Abstained, Done, Event, SentenceGiven, SourcesFound
from helpdesk.asking.lookup import Found, evidence_for, look_up, searched
from helpdesk.asking.outcome import Outcome, after_call, extractive, in_doubt
from helpdesk.asking.phrasing import make_call, prepare_call
from helpdesk.asking.question import Asked
from helpdesk.asking.storing import Kept, keep_question, record_call
from helpdesk.database.engine import Database
from helpdesk.rag.embedding.vectors import QueryVectors
from helpdesk.settings import Settings

log = structlog.get_logger(__name__)
# What noting a call may take after the asker has gone.
_LAST_WORDS_S = 5.0


@dataclass(frozen=True)
class Asking:
    """What answering takes: connections, who asks, and when."""

    database: Database
    models: Models
    query_vectors: QueryVectors
    settings: Settings
    organization_id: UUID
    user_id: UUID | None
    now: datetime


async def answer_question(asking: Asking, asked: Asked) -> AsyncGenerator[Event]:
    """Yield what the asker is told; no transaction is open while a model works or the asker reads.

    Raises:
        QuestionGone: the ticket it is asked for is not there.
        asyncio.CancelledError: the asker has left; a model's call ends, and is recorded.
    """
    clock = _Clock()
    found = await look_up(asking.database, asking.query_vectors, organization_id=asking.organization_id, asked=asked)
    clock.lap("search")
    evidence = await evidence_for(
        asking.database, asking.models.embedder, found, organization_id=asking.organization_id, now=asking.now
    )
    clock.lap("choose")
    degraded = found.answer.degraded or evidence.by_words
    if evidence.quotes:
        yield SourcesFound([source.as_json() for source in evidence.sources], degraded)
    outcome, call = await _answered(asking, asked, found, evidence)
    outcome = in_doubt(evidence, outcome, unnamed_codes(asked.text, found.documents))
    clock.lap("model")
    kept = Kept(asked, found, evidence, outcome, call, degraded, clock.took_ms())
    async with asking.database.transaction(asking.organization_id) as session:
        done = await keep_question(
            session, kept, organization_id=asking.organization_id, user_id=asking.user_id, now=asking.now
        )
    log.info("question_answered", method=outcome.method, sentences=len(outcome.sentences), degraded=degraded)
    for event in _told(outcome, asked, found, done):
        yield event


def _told(outcome: Outcome, asked: Asked, found: Found, done: Done) -> list[Event]:
    told: list[Event] = [SentenceGiven(**sentence) for sentence in outcome.sentences]
    if outcome.abstained:
        told.append(Abstained(outcome.reason, searched(asked, found), outcome.nearest))
    return [*told, done]


async def _answered(asking: Asking, asked: Asked, found: Found, evidence: Evidence) -> tuple[Outcome, Call | None]:
    if not evidence.quotes:
        return _nothing(found), None
    if not writes(asking.settings.ask_phrasing, asking.settings.text_model):
        return extractive(evidence), None
    language = await _language(asking)
    if language.why_not:
        return extractive(evidence, reason=language.why_not), None
    identity, away = await model_to_ask(language)
    call = (
        None
        if identity is None
        else prepare_call(identity, question=asked.text, ticket=found.ticket, evidence=evidence)
    )
    if call is None:
        return extractive(evidence, reason=away), None
    call = await _made(asking, language, call, asked=asked, found=found, evidence=evidence)
    return after_call(call, evidence, within_s=asking.settings.ask_timeout_s), call


async def _language(asking: Asking) -> ChosenModel:
    async with asking.database.transaction(asking.organization_id) as session:
        return await language_for(
            session, asking.models, organization_id=asking.organization_id, now=asking.now, interactive=True
        )


async def _made(
    asking: Asking, language: ChosenModel, call: Call, *, asked: Asked, found: Found, evidence: Evidence
) -> Call:
    try:
        return await make_call(language, call, evidence=evidence, within_s=asking.settings.ask_timeout_s)
    except asyncio.CancelledError:
        with anyio.move_on_after(_LAST_WORDS_S, shield=True):
            async with asking.database.transaction(asking.organization_id) as session:
                await record_call(
                    session,
                    call.failed(AskerLeft()),
                    organization_id=asking.organization_id,
                    asked=asked,
                    trace=trace_of(found.answer),
                    decision="error",
                    now=asking.now,
                )
        raise


def _nothing(found: Found) -> Outcome:
    """Return that there is no answer, as nothing relevant was found or nothing of it can be quoted."""
    if found.answer.results:
        reason = "What was found is no longer there, or nothing in it can be quoted."
    else:
        reason = found.answer.reason
    return Outcome("none", reason=reason, nearest=nearest_misses(found.answer))


class _Clock:
    """Milliseconds by part."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self._parts: dict[str, float] = {}

    def lap(self, part: str) -> None:
        now = time.perf_counter()
        self._parts[part] = round((now - self._last) * 1000, 1)
        self._last = now

    def took_ms(self) -> dict[str, float]:
        return self._parts | {"total": round((time.perf_counter() - self._began) * 1000, 1)}
