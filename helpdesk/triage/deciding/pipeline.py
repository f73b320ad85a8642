"""Triage one ticket: read, ask the classifier and where it is unsure a text model, store, apply what is sure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import (
    Answer,
    AnswerUnusable,
    InputRefused,
    LanguageModel,
    ModelIdentity,
    ModelMissing,
    Models,
    Prompt,
)
from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.ai.runs.record import record_run
from helpdesk.database.engine import Database
from helpdesk.rag.questions import Question, read_question, vector_of
from helpdesk.tickets.lifecycle import TicketClosed, is_settled
from helpdesk.triage.classifying.features import terms_of
from helpdesk.triage.deciding.prompt import MAX_TOKENS, TYPES, Choice, build_prompt, schema_of
from helpdesk.triage.deciding.rules import find, usual_type
from helpdesk.triage.deciding.storing import store_verdicts
from helpdesk.triage.deciding.verdict import (
    Verdict,
    candidates,
    is_unsure,
    judge,
    judge_priority,
    pool,
    prior_to,
    votes_of,
)
from helpdesk.triage.learning.champion import current_classifier
from helpdesk.triage.learning.examples import Labels, read_labels

log = structlog.get_logger(__name__)

Chances = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Asked:
    """A question put to a text model, and what came of it."""

    prompt: Prompt
    choices: list[Choice]
    identity: ModelIdentity
    answer: Answer | None = None
    error: Exception | None = None
    votes: Mapping[str, str] = field(default_factory=dict)


async def triage_ticket(
    database: Database,
    models: Models,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
) -> None:
    """Predict category, priority, team, type and language of a ticket; apply what is sure and nobody has decided.

    Args:
        complete: completes the job; called in the transaction that stores the outcome.

    Raises:
        TicketGone, TicketClosed: there is nothing to triage.
        TicketMovedOn: the requester wrote more meanwhile; try again.
        ModelBusy: there are no vectors for now.
    """
    async with database.transaction(organization_id) as session:
        question = await read_question(session, organization_id=organization_id, ticket_id=ticket_id)
        labels = await read_labels(session, organization_id=organization_id)
    if is_settled(question.status):
        raise TicketClosed("The ticket was settled before triage.")
    chances = await _classify(
        database, models, organization_id=organization_id, question=question, labels=labels, now=now
    )
    suspect = addresses_a_model(question.all_words)
    # Where a text gives orders to a model, none is asked: the classifier has no ears.
    asked = None if suspect else await _ask(models.language, question=question, labels=labels, chances=chances)
    verdicts = _judge(question, labels, chances, asked, suspect=suspect)
    async with database.transaction(organization_id) as session:
        run_id = await _record(session, organization_id=organization_id, ticket_id=ticket_id, asked=asked, now=now)
        applied = await store_verdicts(
            session,
            organization_id=organization_id,
            question=question,
            verdicts=verdicts,
            run_id=run_id,
            injection_suspected=suspect,
            now=now,
        )
        await complete(session)
    log.info("ticket_triaged", ticket_id=str(ticket_id), applied=applied, asked_model=asked is not None)


async def _classify(
    database: Database, models: Models, *, organization_id: UUID, question: Question, labels: Labels, now: datetime
) -> Chances:
    """Return the classifier's probabilities over the labels there are now, for the fields it knows."""
    vector = await vector_of(database, models.embedder, organization_id=organization_id, question=question, now=now)
    classifier = await current_classifier(
        database, models.embedder, organization_id=organization_id, labels=labels, now=now
    )
    found = classifier.predict(vector=vector, terms=terms_of(question.text))
    if labels.categories:
        found.setdefault("category", {})
    return {name: prior_to(chances, known=known) for name, chances in found.items() if (known := labels.known(name))}


async def _ask(language: LanguageModel, *, question: Question, labels: Labels, chances: Chances) -> Asked | None:
    """Ask a text model about the fields that are unsure; None where there are none, or there is no model."""
    choices = _choices(question, labels, chances)
    if not choices or (identity := await language.identify()) is None:
        return None
    prompt = build_prompt(question.text, choices)
    schema = schema_of(choices)
    try:
        answer = await language.answer(prompt, schema=schema, max_tokens=MAX_TOKENS)
    except ModelMissing:
        return None
    except (AnswerUnusable, InputRefused) as error:
        return Asked(prompt, choices, identity, error=error)
    votes = votes_of(answer.value or {}, {choice.field: list(choice.labels) for choice in choices})
    return Asked(prompt, choices, identity, answer, votes=votes)


def _choices(question: Question, labels: Labels, chances: Chances) -> list[Choice]:
    """Return what to ask a model about: an unsure category, and then an unsure type with it.

    A type alone is not worth a call, and a priority is not for a model to decide.
    """
    category = chances.get("category", {})
    if not is_unsure("category", category) or len(labels.categories) < 2:
        return []
    among = candidates(category, list(labels.categories))
    choices = [Choice("category", {slug: labels.categories[slug] for slug in among})]
    if is_unsure("type", chances.get("type") or usual_type(question.all_words)):
        choices.append(Choice("type", TYPES))
    return choices


def _judge(
    question: Question, labels: Labels, chances: Chances, asked: Asked | None, *, suspect: bool
) -> list[Verdict]:
    words = question.all_words
    verdicts = [
        judge_priority(
            chances.get("priority") or {"low": 0.1, "normal": 0.7, "high": 0.15, "urgent": 0.05},
            find(words),
            vip=question.vip,
        )
    ]
    if labels.categories:
        verdicts.append(_judge_asked("category", chances.get("category", {}), asked, suspect=suspect))
    verdicts.append(_judge_asked("type", chances.get("type") or usual_type(words), asked, suspect=suspect))
    if labels.teams:
        category = verdicts[1] if labels.categories else None
        verdicts.append(_judge_team(chances.get("team", {}), category, labels))
    if (language := question.spoken) is not None:
        verdicts.append(judge("language", {language: 0.95}, source="rules", reason="The words are of this language."))
    return verdicts


def _judge_asked(name: str, chances: dict[str, float], asked: Asked | None, *, suspect: bool) -> Verdict:
    choice = next((choice for choice in asked.choices if choice.field == name), None) if asked is not None else None
    if asked is None or choice is None or name not in asked.votes:
        reason = "Tickets and articles like this one have this label."
        if suspect:
            reason += " The text gives orders to a model, so none was asked."
        return judge(name, chances, source="classifier", reason=reason)
    voted = asked.votes[name]
    pooled = pool(chances, voted=voted, among=list(choice.labels))
    reason = f"The classifier was unsure, and {asked.identity.name} chose “{voted}”."
    return judge(name, pooled, source="classifier+model", reason=reason)


def _judge_team(chances: dict[str, float], category: Verdict | None, labels: Labels) -> Verdict:
    """Return the team that usually answers the category, in equal parts with what similar tickets say."""
    usual = None if category is None or category.value is None else labels.team_of.get(category.value)
    if usual is None or category is None:
        return judge("team", chances, source="classifier", reason="This team answered tickets like this one.")
    mixed = {team: chance * (1 - category.probability) for team, chance in (chances or {usual: 1.0}).items()}
    mixed[usual] = mixed.get(usual, 0.0) + category.probability
    return judge("team", mixed, source="classifier+rules", reason=f"This team answers the category “{category.value}”.")


async def _record(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, asked: Asked | None, now: datetime
) -> UUID | None:
    if asked is None:
        return None
    return await record_run(
        session,
        organization_id=organization_id,
        kind="triage",
        ticket_id=ticket_id,
        prompt=asked.prompt,
        schema=schema_of(asked.choices),
        identity=asked.identity,
        answer=asked.answer,
        error=asked.error,
        decision="error" if asked.answer is None else "accepted",
        now=now,
    )
