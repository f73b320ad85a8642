"""The classifier in use: loaded, found to be stale, trained anew by one worker at a time, and promoted if not worse."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import structlog

from helpdesk.ai.model import Embedder, ModelBusy
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable
from helpdesk.events.overrides import RETRAIN_AFTER, ask_to_retrain
from helpdesk.learned_models import store
from helpdesk.learned_models.versions import version_of
from helpdesk.rag.embedding.models import ensure_active_model
from helpdesk.triage.classifying.classifier import Classifier, write_classifier
from helpdesk.triage.classifying.training import train
from helpdesk.triage.learning.contest import contest
from helpdesk.triage.learning.examples import TAG, Labels, read_labels
from helpdesk.triage.learning.lessons import MOST_TICKETS, Lesson, gather
from helpdesk.triage.learning.standing import KIND, Standing, look, remember

log = structlog.get_logger(__name__)

# What a ticket may wait for; where there is more to learn from, a job does that afterwards.
INLINE_TICKETS = 200
_WAIT_S = 2.0

Outcome: TypeAlias = Literal["promoted", "put_aside", "nothing_new", "held", "busy"]


@dataclass(frozen=True)
class Retraining:
    """What became of a training.

    Attributes:
        outcome: `promoted` is in use now; `put_aside` did worse; `nothing_new` to learn from; `held` since an earlier
            version was put back; `busy` since another worker is training.
        reason: in a sentence.
        version: the number of what was trained.
        classifier: what was trained.
    """

    outcome: Outcome
    reason: str
    version: int | None = None
    classifier: Classifier | None = None


async def current_classifier(
    database: Database, embedder: Embedder, *, organization_id: UUID, labels: Labels, now: datetime
) -> Classifier:
    """Return the organisation's classifier; where there is none that can be used, one is trained at once.

    A ticket waits for no more than a training on the newest 200 tickets. Where there is more to learn from, or much has
    been settled and judged since, a job is asked for.

    Raises:
        ModelBusy: there is none yet, and another worker is training it or there are no vectors to learn from.
    """
    async with database.transaction(organization_id) as session:
        state = await look(session, organization_id=organization_id, labels=labels)
        much = state.must is not None and state.supply.labels > INLINE_TICKETS
        if much or (state.must is None and state.much_is_new):
            await ask_to_retrain(session, organization_id=organization_id)
    if state.classifier is not None and (state.must is None or (state.usable and much)):
        return state.classifier
    done = await _train_once(
        database, embedder, organization_id=organization_id, state=state, most=INLINE_TICKETS, now=now
    )
    if done.classifier is not None:
        return done.classifier
    if state.usable is not None:
        return state.usable
    raise ModelBusy("Another worker is learning from the organisation's tickets.", retry_after=_WAIT_S)


async def retrain(
    database: Database, embedder: Embedder, *, organization_id: UUID, now: datetime, insist: bool = False
) -> Retraining:
    """Train a classifier where anything was learnt since the last one, and promote it if it does no worse.

    Where labels or vectors changed, it is promoted in any case: the one in use cannot stay.

    Args:
        insist: train also where there is nothing new.

    Raises:
        ModelBusy: there are no vectors to learn from.
    """
    async with database.transaction(organization_id) as session:
        labels = await read_labels(session, organization_id=organization_id)
        state = await look(session, organization_id=organization_id, labels=labels)
    if state.must is None and not insist:
        if state.held():
            told = f"An earlier version was put back; fewer than {RETRAIN_AFTER} labels are new since."
            return Retraining("held", told)
        if not state.is_news():
            return Retraining("nothing_new", "Nothing was settled or judged since the last training.")
    if state.champion is None and state.supply.labels == 0 and not insist:
        # Nobody may ever ask for triage here; the first one who does has it trained.
        return Retraining("nothing_new", "There is nothing to learn from yet.")
    return await _train_once(
        database, embedder, organization_id=organization_id, state=state, most=MOST_TICKETS, now=now
    )


async def _train_once(
    database: Database, embedder: Embedder, *, organization_id: UUID, state: Standing, most: int, now: datetime
) -> Retraining:
    """Train the next version and decide on it, unless another worker is at it."""
    async with database.transaction(organization_id) as session:
        claim = await store.claim_version(session, organization_id=organization_id, kind=KIND, now=now)
    if claim is None:
        return Retraining("busy", "Another worker is training.")
    try:
        made = await _train(
            database, embedder, organization_id=organization_id, state=state, most=most, claim=claim, now=now
        )
        return await _settle(database, organization_id=organization_id, state=state, claim=claim, made=made, now=now)
    except BaseException as error:
        async with database.transaction(organization_id) as session:
            await store.give_up(session, organization_id=organization_id, claim=claim)
        if isinstance(error, store.ClaimLost):
            return Retraining("busy", "The training took so long that another worker took it over.")
        if isinstance(error, Unavailable) and not isinstance(error, ModelBusy):
            raise ModelBusy(error.detail, retry_after=30) from error
        raise


@dataclass(frozen=True)
class _Made:
    """What was trained, from how many labels, and whether it may be used."""

    classifier: Classifier
    trained_on: int
    promoted: bool
    reason: str
    contest: dict[str, Any] | None


async def _train(
    database: Database,
    embedder: Embedder,
    *,
    organization_id: UUID,
    state: Standing,
    most: int,
    claim: UUID,
    now: datetime,
) -> _Made:
    async def alive() -> None:
        async with database.transaction(organization_id) as session:
            await store.keep_claim(session, organization_id=organization_id, claim=claim)

    model = await ensure_active_model(database, embedder)
    lesson = await gather(
        database, embedder, organization_id=organization_id, labels=state.labels, now=now, most=most, alive=alive
    )
    await alive()
    classifier = await asyncio.to_thread(_fit, lesson, state.labels, model.digest)
    await alive()
    must = state.must
    # What lies beyond the newest tickets that a full training reads is not waiting to be learnt.
    trained_on = state.supply.labels if most == MOST_TICKETS else min(state.supply.labels, most)
    if must is not None or state.classifier is None or state.champion is None:
        return _Made(classifier, trained_on, promoted=True, reason=must or "", contest=None)
    found = await asyncio.to_thread(
        contest,
        lesson,
        champion=state.classifier,
        champion_since=state.champion.created_at,
        fields=state.labels.fields,
        embedding=model.digest,
        basis=state.labels.basis,
    )
    return _Made(classifier, trained_on, found.promoted, found.reason, found.figures)


def _fit(lesson: Lesson, labels: Labels, embedding: str) -> Classifier:
    return train(
        lesson.examples,
        fields=(*labels.fields, *(f"{TAG}{tag}" for tag in lesson.tags)),
        anchors=lesson.anchors,
        embedding=embedding,
        basis=labels.basis,
    )


async def _settle(
    database: Database, *, organization_id: UUID, state: Standing, claim: UUID, made: _Made, now: datetime
) -> Retraining:
    """Promote what was trained, or put it aside; also where somebody else has decided what is in use meanwhile."""
    metrics = dict(made.classifier.figures)
    if made.contest is not None:
        metrics["contest"] = made.contest
    weights = await asyncio.to_thread(write_classifier, made.classifier)
    async with database.transaction(organization_id) as session:
        champion = await store.locked_champion(session, organization_id=organization_id, kind=KIND)
        promoted, reason = made.promoted, made.reason
        if (champion and champion.id) != (state.champion and state.champion.id):
            promoted, reason = False, "Not in use, since another version was put in use during its training."
        finish = store.promote if promoted else store.put_aside
        await finish(
            session,
            organization_id=organization_id,
            kind=KIND,
            claim=claim,
            weights=weights,
            trained_on=made.trained_on,
            metrics=metrics,
            reason=reason,
            now=now,
        )
        version = await version_of(session, organization_id=organization_id, model_id=claim)
    if promoted:
        remember(claim, made.classifier)
    log.info(
        "classifier_trained",
        version=version.version,
        examples=made.classifier.examples,
        promoted=promoted,
        reason=reason,
    )
    return Retraining("promoted" if promoted else "put_aside", reason, version.version, made.classifier)
