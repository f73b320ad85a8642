"""Which weights rank the searches of an organisation: its own where they were fitted, else the shipped ones."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.retrieval.fusion_weights import Weights, shipped_weights

# Of the features: weights that were fitted to others mean nothing, and are left aside until the next fit.
FORMAT = 2
_KEPT_LOADED = 256

_CHAMPION = text("""
    SELECT id, weights FROM ml_models
     WHERE organization_id = :organization_id AND kind = :kind AND state = 'champion'
""")

_loaded: OrderedDict[UUID, Weights | None] = OrderedDict()


async def weights_for(session: AsyncSession, *, organization_id: UUID, model: ActiveModel | None) -> Weights:
    """Return the weights that were fitted for the organisation and the model, else the shipped ones.

    Args:
        model: whose vectors were compared; None stands for a search by words alone, which nothing is fitted for.
    """
    if model is None:
        return shipped_weights(None)
    row = (await session.execute(_CHAMPION, {"organization_id": organization_id, "kind": kind_of(model)})).one_or_none()
    own = None if row is None else _read(row.id, row.weights)
    return own or shipped_weights(model.name)


def kind_of(model: ActiveModel) -> str:
    """Return under which name weights for a model are kept: similarities of two models do not compare."""
    return f"relevance/{model.id}"


def write_weights(weights: Weights) -> bytes:
    """Return weights as JSON."""
    return json.dumps({"format": FORMAT, **asdict(weights)}).encode()


def read_weights(written: bytes) -> Weights | None:
    """Return weights from JSON, None when they are of another format."""
    about: dict[str, Any] = json.loads(written)
    if about.pop("format", None) != FORMAT:
        return None
    background = {name: (mean, spread) for name, (mean, spread) in about["background"].items()}
    kept = tuple((place, value) for place, value in about["kept"])
    return Weights(about["intercept"], about["by_feature"], background, kept)


def _read(identifier: UUID, written: bytes) -> Weights | None:
    if identifier not in _loaded:
        _loaded[identifier] = read_weights(written)
        if len(_loaded) > _KEPT_LOADED:
            _loaded.popitem(last=False)
    _loaded.move_to_end(identifier)
    return _loaded[identifier]
