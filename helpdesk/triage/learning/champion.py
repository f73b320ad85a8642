"""The classifier in use: loaded, found to be stale, trained anew by one worker at a time, and promoted."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder, ModelBusy
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable
from helpdesk.rag.embedding.models import active_model, ensure_active_model
from helpdesk.triage.classifying.classifier import Classifier, read_classifier, write_classifier
from helpdesk.triage.classifying.training import train
from helpdesk.triage.learning.examples import FIELDS, Labels, count_labels, gather, read_labels

log = structlog.get_logger(__name__)

KIND = "triage"
# Labels since the last training, or two of a hundred where there are many.
RETRAIN_AFTER = 25
# A worker that has not finished by then is taken for dead.
TRAINING_LIMIT = timedelta(minutes=10)
_KEPT_LOADED = 16
_WAIT_S = 2.0

_CHAMPION = text("""
    SELECT id, trained_on FROM ml_models
     WHERE organization_id = :organization_id AND kind = :kind AND state = 'champion'
""")
_WEIGHTS = text("SELECT weights FROM ml_models WHERE organization_id = :organization_id AND id = :id")
_FORGET_DEAD = text("""
    DELETE FROM ml_models
     WHERE organization_id = :organization_id AND kind = :kind AND state = 'challenger' AND weights = ''
       AND created_at < :dead_before
""")
# Whoever inserts the next version trains it; a second worker finds the number taken.
_CLAIM = text("""
    INSERT INTO ml_models (id, organization_id, kind, version, weights, trained_on, state, created_at)
    SELECT :id, :organization_id, :kind, coalesce(max(version), 0) + 1, '', 0, 'challenger', :now
      FROM ml_models WHERE organization_id = :organization_id AND kind = :kind
    HAVING count(*) FILTER (WHERE state = 'challenger' AND weights = '') = 0
        ON CONFLICT (organization_id, kind, version) DO NOTHING
    RETURNING id
""")
_RETIRE = text("""
    UPDATE ml_models SET state = 'retired'
     WHERE organization_id = :organization_id AND kind = :kind AND state = 'champion'
""")
_PROMOTE = text("""
    UPDATE ml_models SET state = 'champion', weights = :weights, trained_on = :trained_on, metrics = :metrics
     WHERE organization_id = :organization_id AND id = :id
""").bindparams(bindparam("metrics", type_=JSONB))
_GIVE_UP = text("DELETE FROM ml_models WHERE organization_id = :organization_id AND id = :id AND weights = ''")

_loaded: OrderedDict[UUID, Classifier] = OrderedDict()


async def current_classifier(
    database: Database, embedder: Embedder, *, organization_id: UUID, labels: Labels, now: datetime
) -> Classifier:
    """Return the organisation's classifier, trained anew when there is none or much has been learnt since.

    Raises:
        ModelBusy: there is none yet, and another worker is training it or there are no vectors to learn from.
    """
    async with database.transaction(organization_id) as session:
        champion, trained_on = await _load(session, organization_id=organization_id)
        available = await count_labels(session, organization_id=organization_id)
        model = await active_model(session)
    usable = champion is not None and (model is None or champion.embedding == model.digest)
    enough = max(RETRAIN_AFTER, trained_on // 50)
    if champion is not None and usable and champion.basis == labels.basis and available - trained_on < enough:
        return champion
    fresh = await _train_once(
        database, embedder, organization_id=organization_id, labels=labels, available=available, now=now
    )
    if fresh is not None:
        return fresh
    if champion is not None and usable:
        return champion
    raise ModelBusy("Another worker is learning from the organisation's tickets.", retry_after=_WAIT_S)


async def retrain(database: Database, embedder: Embedder, *, organization_id: UUID, now: datetime) -> Classifier | None:
    """Train and promote a classifier where anything was learnt since the last one, or its labels or vectors changed.

    Returns:
        The new one; None where there is nothing new to learn from, or another worker is at it.

    Raises:
        ModelBusy: there are no vectors to learn from.
    """
    async with database.transaction(organization_id) as session:
        labels = await read_labels(session, organization_id=organization_id)
        champion, trained_on = await _load(session, organization_id=organization_id)
        available = await count_labels(session, organization_id=organization_id)
        model = await active_model(session)
    if available == 0 and champion is None:
        # Nobody may ever ask for triage here; the first one who does has it trained.
        return None
    usable = champion is not None and (model is None or champion.embedding == model.digest)
    if champion is not None and usable and champion.basis == labels.basis and available == trained_on:
        return None
    return await _train_once(
        database, embedder, organization_id=organization_id, labels=labels, available=available, now=now
    )


async def _load(session: AsyncSession, *, organization_id: UUID) -> tuple[Classifier | None, int]:
    row = (await session.execute(_CHAMPION, {"organization_id": organization_id, "kind": KIND})).one_or_none()
    if row is None:
        return None, 0
    if row.id not in _loaded:
        weights = await session.scalar(_WEIGHTS, {"organization_id": organization_id, "id": row.id})
        classifier = read_classifier(bytes(weights or b""))
        if classifier is None:
            return None, 0
        _remember(row.id, classifier)
    return _loaded[row.id], row.trained_on


def _remember(identifier: UUID, classifier: Classifier) -> None:
    _loaded[identifier] = classifier
    while len(_loaded) > _KEPT_LOADED:
        _loaded.popitem(last=False)


async def _train_once(
    database: Database, embedder: Embedder, *, organization_id: UUID, labels: Labels, available: int, now: datetime
) -> Classifier | None:
    """Train and promote the next version, unless another worker is at it; then return None."""
    claim = await _claim(database, organization_id=organization_id, now=now)
    if claim is None:
        return None
    try:
        classifier = await _train(database, embedder, organization_id=organization_id, labels=labels, now=now)
    except BaseException as error:
        async with database.transaction(organization_id) as session:
            await session.execute(_GIVE_UP, {"organization_id": organization_id, "id": claim})
        if isinstance(error, Unavailable) and not isinstance(error, ModelBusy):
            raise ModelBusy(error.detail, retry_after=30) from error
        raise
    async with database.transaction(organization_id) as session:
        await _promote(
            session, organization_id=organization_id, claim=claim, classifier=classifier, available=available
        )
    _remember(claim, classifier)
    log.info("classifier_trained", examples=classifier.examples, figures=classifier.figures)
    return classifier


async def _claim(database: Database, *, organization_id: UUID, now: datetime) -> UUID | None:
    scope = {"organization_id": organization_id, "kind": KIND}
    async with database.transaction(organization_id) as session:
        await session.execute(_FORGET_DEAD, scope | {"dead_before": now - TRAINING_LIMIT})
        claimed: UUID | None = await session.scalar(_CLAIM, scope | {"id": new_id(), "now": now})
    return claimed


async def _train(
    database: Database, embedder: Embedder, *, organization_id: UUID, labels: Labels, now: datetime
) -> Classifier:
    model = await ensure_active_model(database, embedder)
    lesson = await gather(database, embedder, organization_id=organization_id, labels=labels, now=now)
    return await asyncio.to_thread(
        train,
        lesson.examples,
        fields=FIELDS,
        anchors=lesson.anchors,
        embedding=model.digest,
        basis=labels.basis,
    )


async def _promote(
    session: AsyncSession, *, organization_id: UUID, claim: UUID, classifier: Classifier, available: int
) -> None:
    await session.execute(_RETIRE, {"organization_id": organization_id, "kind": KIND})
    await session.execute(
        _PROMOTE,
        {
            "organization_id": organization_id,
            "id": claim,
            "weights": write_classifier(classifier),
            "trained_on": available,
            "metrics": classifier.figures,
        },
    )
