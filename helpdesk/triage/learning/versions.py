"""Put another version of a trained model in use, by a person's decision."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict
from helpdesk.learned_models.store import WeightsForgotten, roll_back
from helpdesk.learned_models.versions import Version, read_weights, version_of
from helpdesk.rag.embedding.models import active_model
from helpdesk.triage.classifying.classifier import WeightsDamaged, read_classifier
from helpdesk.triage.learning.examples import read_labels
from helpdesk.triage.learning.standing import KIND

log = structlog.get_logger(__name__)


class VersionOutdated(Conflict):
    """The version knows other values, other vectors or another form of weights than there are now."""


async def put_in_use(
    session: AsyncSession, *, organization_id: UUID, model_id: UUID, who: str, now: datetime
) -> Version:
    """Put a version in use instead of the one that is, which is marked as rolled back.

    What was rolled back is not trained again by itself before 25 labels more are there to learn from.

    Args:
        who: who wants it so, for the reason.

    Raises:
        ModelVersionNotFound, StillTraining, WeightsForgotten, VersionOutdated: it cannot be used.
    """
    found = await version_of(session, organization_id=organization_id, model_id=model_id)
    if found.kind == KIND and found.state != "champion" and not found.training:
        await _check(session, organization_id=organization_id, model_id=model_id)
    version = await roll_back(
        session, organization_id=organization_id, model_id=model_id, reason=f"In use, since {who} wanted it.", now=now
    )
    if version.state_since == now:
        log.info("model_put_in_use", kind=version.kind, version=version.version, who=who)
    return version


async def _check(session: AsyncSession, *, organization_id: UUID, model_id: UUID) -> None:
    """Refuse a classifier that the next ticket would have to replace at once."""
    weights = await read_weights(session, organization_id=organization_id, model_id=model_id)
    if not weights:
        raise WeightsForgotten
    try:
        classifier = read_classifier(weights)
    except WeightsDamaged as error:
        raise VersionOutdated("Its weights are damaged.") from error
    if classifier is None:
        raise VersionOutdated("Another version of the product wrote its weights.")
    model = await active_model(session)
    if model is not None and classifier.embedding != model.digest:
        raise VersionOutdated("It learnt from the vectors of another embedding model.")
    if classifier.basis != (await read_labels(session, organization_id=organization_id)).basis:
        raise VersionOutdated("There were other categories, teams or levels to choose from.")
