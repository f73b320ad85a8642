"""How an organisation's classifier stands: what is in use, what was trained before, and what nobody has learnt yet."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.events.overrides import RETRAIN_AFTER
from helpdesk.learned_models.versions import Version, champion_of, list_versions, read_weights
from helpdesk.rag.embedding.models import active_model
from helpdesk.triage.classifying.classifier import Classifier, WeightsDamaged, read_classifier
from helpdesk.triage.learning.examples import Labels, Supply, count_supply

log = structlog.get_logger(__name__)

KIND = "triage"
_KEPT_LOADED = 16
_LOOKED_AT = 50

_loaded: OrderedDict[UUID, Classifier] = OrderedDict()


@dataclass(frozen=True)
class Standing:
    """What is in use, what came of the trainings so far, and what there is to learn from."""

    champion: Version | None
    classifier: Classifier | None
    versions: list[Version]
    supply: Supply
    labels: Labels
    embedding: str | None

    @property
    def must(self) -> str | None:
        """Return why the classifier in use cannot stay, None where it can."""
        if self.champion is None:
            return "In use, being the first."
        if self.classifier is None:
            return "In use, since the weights of the one before cannot be read."
        if self.embedding not in {None, self.classifier.embedding}:
            return "In use, since the embedding model changed."
        if self.classifier.basis != self.labels.basis:
            return "In use, since there are other values to choose from."
        return None

    @property
    def usable(self) -> Classifier | None:
        """Return the classifier in use where it can answer at all; labels that are gone or new it does not know."""
        same = self.classifier is not None and self.embedding in {None, self.classifier.embedding}
        return self.classifier if same else None

    @property
    def newest(self) -> Version | None:
        """Return the version that was trained last, whether it is in use or not."""
        return next((version for version in self.versions if not version.training), None)

    def unlearnt(self) -> int:
        """Return how many labels there are that no training so far has seen."""
        return self.supply.labels - (self.newest.trained_on if self.newest else 0)

    def held(self) -> bool:
        """Return whether what was rolled back would only come again."""
        after = self.champion.version if self.champion else 0
        back = [one.trained_on for one in self.versions if one.rolled_back_at is not None and one.version > after]
        return bool(back) and self.supply.labels < max(back) + RETRAIN_AFTER

    def is_news(self) -> bool:
        """Return whether anything was said or settled since the newest training."""
        newest, said = self.newest, self.supply.last_word_at
        return newest is None or self.unlearnt() != 0 or (said is not None and said > newest.created_at)

    @property
    def much_is_new(self) -> bool:
        """Return whether enough is unlearnt to be worth a training: 25 labels, or two of a hundred where many are."""
        newest = self.newest
        return self.unlearnt() >= max(RETRAIN_AFTER, (newest.trained_on if newest else 0) // 50) and not self.held()


async def look(session: AsyncSession, *, organization_id: UUID, labels: Labels) -> Standing:
    """Return how an organisation's classifier stands."""
    champion = await champion_of(session, organization_id=organization_id, kind=KIND)
    model = await active_model(session)
    return Standing(
        champion=champion,
        classifier=await _load(session, organization_id=organization_id, champion=champion),
        versions=await list_versions(session, organization_id=organization_id, kind=KIND, most=_LOOKED_AT),
        supply=await count_supply(session, organization_id=organization_id),
        labels=labels,
        embedding=None if model is None else model.digest,
    )


async def _load(session: AsyncSession, *, organization_id: UUID, champion: Version | None) -> Classifier | None:
    if champion is None:
        return None
    if champion.id not in _loaded:
        weights = await read_weights(session, organization_id=organization_id, model_id=champion.id)
        classifier = _read(weights)
        if classifier is None:
            return None
        remember(champion.id, classifier)
    return _loaded[champion.id]


def _read(weights: bytes) -> Classifier | None:
    try:
        return read_classifier(weights) if weights else None
    except WeightsDamaged:
        # Nothing is lost but time: another one is trained in its place.
        log.warning("classifier_damaged", bytes=len(weights))
        return None


def remember(identifier: UUID, classifier: Classifier) -> None:
    """Keep a classifier in memory for the tickets to come."""
    _loaded[identifier] = classifier
    while len(_loaded) > _KEPT_LOADED:
        _loaded.popitem(last=False)
