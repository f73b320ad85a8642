"""Triage one ticket: read, look with the classifier and the rules, ask a text model what is open, store, apply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import LanguageModel, ModelBusy, Models
from helpdesk.ai.providers.choice import language_for
from helpdesk.ai.runs.record import Decision, record_run
from helpdesk.database.engine import Database
from helpdesk.models.ai_policy import TriagePolicy
from helpdesk.rag.questions import vector_of
from helpdesk.tickets.findings import triage_of
from helpdesk.tickets.lifecycle import TicketClosed, is_settled
from helpdesk.triage.classifying.classifier import Classifier
from helpdesk.triage.classifying.stacking import Stacker
from helpdesk.triage.deciding.asking import Asked, ask, fitting, identified
from helpdesk.triage.deciding.assessing import Assessed, Case, opened_by
from helpdesk.triage.deciding.duplicates import repeated
from helpdesk.triage.deciding.gating import Gatekeeper
from helpdesk.triage.deciding.material import Material
from helpdesk.triage.deciding.prompt import Neighbour
from helpdesk.triage.deciding.situation import Situation, nearest_corrected, read_situation, similar_to
from helpdesk.triage.deciding.storing import Outcome, note_triage, store_verdicts
from helpdesk.triage.deciding.verdict import Verdict
from helpdesk.triage.deciding.votes import fit_stackers, settled_votes
from helpdesk.triage.learning.champion import current_classifier
from helpdesk.triage.learning.examples import Labels
from helpdesk.triage.learning.gates import Gate

log = structlog.get_logger(__name__)


async def triage_ticket(
    database: Database,
    models: Models,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
) -> None:
    """Predict the fields of a ticket; apply what is sure, where the policy allows it and nobody has decided.

    What the classifier and the rules say is stored before a text model is asked, so that nobody waits for it; where
    it is away, it is done without. While there are no vectors, a ticket gets what the rules say at once.

    Args:
        complete: completes the job; called in the transaction that stores the outcome.

    Raises:
        QuestionGone, TicketGone, TicketClosed: there is nothing to triage.
        TicketMovedOn: the requester wrote more meanwhile; try again.
        ModelBusy: there are no vectors for now.
    """
    async with database.transaction(organization_id) as session:
        situation = await read_situation(session, organization_id=organization_id, ticket_id=ticket_id, now=now)
    if is_settled(situation.question.status):
        raise TicketClosed("The ticket was settled before triage.")
    work = _Work(database, organization_id, situation, now)
    try:
        case, language = await work.prepare(models)
    except ModelBusy:
        await work.store_rules_alone()
        raise
    first = case.first()
    task = case.task(first)
    identity = None if task is None else await identified(language)
    task = None if task is None or identity is None else fitting(task, identity)
    if task is None or identity is None:
        await work.store(first, complete=complete)
        return
    applied = await work.store(first)
    asked = await ask(language, identity, material=case.material, task=task)
    await work.store_second(first, case.second(first, asked), asked, applied=applied, complete=complete)


async def assess(
    classifier: Classifier | None,
    *,
    material: Material,
    vector: NDArray[np.float32] | None,
    labels: Labels,
    policy: TriagePolicy | None = None,
    gates: Mapping[tuple[str, str | None], Gate] | None = None,
    neighbours: Sequence[Neighbour] = (),
    stackers: Mapping[str, Stacker] | None = None,
    language: LanguageModel | None = None,
) -> Assessed:
    """Return what triage would say of a text, by the same rules as for tickets; nothing is read or stored.

    Args:
        classifier: None where there is none; the rules then speak alone.
        vector: of `material.text`; None judges by the words.
        stackers: what the model's vote is worth, by field; shipped weights where not named.
        language: the text model to ask where something is open; None asks none.
    """
    keeper = _keeper(classifier, policy or TriagePolicy(), gates or {})
    opened = {} if classifier is None else opened_by(classifier, vector=vector, text=material.text, labels=labels)
    case = Case(material, labels, keeper, opened, neighbours, stackers=stackers or {})
    return await case.assess(language)


def _keeper(
    classifier: Classifier | None,
    policy: TriagePolicy,
    gates: Mapping[tuple[str, str | None], Gate],
    *,
    rejected: frozenset[tuple[str, str]] = frozenset(),
    decided: frozenset[str] = frozenset(),
) -> Gatekeeper:
    models = {} if classifier is None else classifier.fields
    return Gatekeeper(policy=policy, models=models, gates=gates, rejected=rejected, decided=decided)


@dataclass(frozen=True)
class _Work:
    """One ticket in the works."""

    database: Database
    organization_id: UUID
    situation: Situation
    now: datetime

    async def prepare(self, models: Models) -> tuple[Case, LanguageModel]:
        """Gather what the verdicts rest on: vector, classifier, alike tickets, and the text model there is."""
        question, labels = self.situation.question, self.situation.labels
        scope: dict[str, Any] = {"organization_id": self.organization_id}
        vector = await vector_of(self.database, models.embedder, **scope, question=question, now=self.now)
        classifier = await current_classifier(self.database, models.embedder, **scope, labels=labels, now=self.now)
        async with self.database.transaction(self.organization_id) as session:
            similar = await similar_to(session, **scope, ticket_id=question.id, vector=vector)
            neighbours = await nearest_corrected(session, **scope, ticket_id=question.id, vector=vector)
            language = await language_for(session, models, **scope, now=self.now)
            votes = await settled_votes(session, **scope)
        duplicates = None
        if similar is not None:
            duplicates = repeated(similar[0], opened_at=question.created_at, of_company=similar[1])
        opened = opened_by(classifier, vector=vector, text=question.text, labels=labels)
        case = Case(
            material=self.situation.material,
            labels=labels,
            keeper=self._keeper(classifier),
            opened=opened,
            neighbours=neighbours,
            duplicates=duplicates,
            stackers=await fit_stackers(votes),
        )
        return case, language

    def _keeper(self, classifier: Classifier | None) -> Gatekeeper:
        situation = self.situation
        return _keeper(
            classifier,
            situation.policy,
            situation.gates,
            rejected=situation.rejected,
            decided=situation.material.decided,
        )

    async def store_rules_alone(self) -> None:
        """Store what needs no vectors, unless an earlier triage said more."""
        situation = self.situation
        first = Case(situation.material, situation.labels, self._keeper(None), {}).first()
        verdicts = [verdict for verdict in first.verdicts.values() if verdict.value is not None]
        async with self.database.transaction(self.organization_id) as session:
            scope: dict[str, Any] = {"organization_id": self.organization_id}
            if not await triage_of(session, **scope, ticket_id=situation.question.id):
                outcome = Outcome(verdicts, situation.material.suspect)
                await store_verdicts(session, **scope, question=situation.question, outcome=outcome, now=self.now)

    async def store(
        self, first: Assessed, *, complete: Callable[[AsyncSession], Awaitable[None]] | None = None
    ) -> list[str]:
        """Store all verdicts; with `complete`, they are the last word. Return the fields applied."""
        async with self.database.transaction(self.organization_id) as session:
            applied = await self._store(session, list(first.verdicts.values()))
            if complete is not None:
                await self._finish(session, first.verdicts, applied, complete)
        return applied

    async def store_second(
        self,
        first: Assessed,
        changed: Mapping[str, Verdict],
        asked: Asked,
        *,
        applied: Sequence[str],
        complete: Callable[[AsyncSession], Awaitable[None]],
    ) -> None:
        """Store what the text model's answer changed, with its call."""
        async with self.database.transaction(self.organization_id) as session:
            run_id = await record_call(
                session,
                organization_id=self.organization_id,
                asked=asked,
                ticket_id=self.situation.question.id,
                now=self.now,
            )
            more = await self._store(session, list(changed.values()), only_some=True, run_id=run_id)
            await self._finish(session, {**first.verdicts, **changed}, [*applied, *more], complete, asked=True)

    async def _store(
        self, session: AsyncSession, verdicts: list[Verdict], *, only_some: bool = False, run_id: UUID | None = None
    ) -> list[str]:
        outcome = Outcome(verdicts, self.situation.material.suspect, only_some=only_some, run_id=run_id)
        return await store_verdicts(
            session,
            organization_id=self.organization_id,
            question=self.situation.question,
            outcome=outcome,
            now=self.now,
        )

    async def _finish(
        self,
        session: AsyncSession,
        verdicts: Mapping[str, Verdict],
        applied: Sequence[str],
        complete: Callable[[AsyncSession], Awaitable[None]],
        *,
        asked: bool = False,
    ) -> None:
        ticket_id = self.situation.question.id
        await note_triage(
            session,
            organization_id=self.organization_id,
            ticket_id=ticket_id,
            verdicts=verdicts,
            applied=applied,
            injection_suspected=self.situation.material.suspect,
            now=self.now,
        )
        await complete(session)
        log.info("ticket_triaged", ticket_id=str(ticket_id), applied=list(applied), asked_model=asked)


async def record_call(
    session: AsyncSession, *, organization_id: UUID, asked: Asked, ticket_id: UUID | None, now: datetime
) -> UUID:
    """Record a call of the text model, and what was made of its answer; return the run's id."""
    decision: Decision = "error" if asked.error is not None else "accepted" if asked.votes else "abstained"
    return await record_run(
        session,
        organization_id=organization_id,
        kind="triage",
        ticket_id=ticket_id,
        prompt=asked.prompt,
        schema=asked.task.schema,
        identity=asked.identity,
        answer=asked.answer,
        error=asked.error,
        busy_ms=asked.busy_ms,
        decision=decision,
        now=now,
    )
