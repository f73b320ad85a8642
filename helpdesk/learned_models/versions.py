"""The versions of trained models as they are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound

_CHAMPION = text("""
    SELECT id FROM ml_models WHERE organization_id = :organization_id AND kind = :kind AND state = 'champion'
""")
_COLUMNS = """
    id, kind, version, state, reason, metrics, trained_on, created_at, state_since, rolled_back_at,
    claimed_at IS NOT NULL AS training, octet_length(weights) AS size
"""
_VERSION = text(f"SELECT {_COLUMNS} FROM ml_models WHERE organization_id = :organization_id AND id = :id")  # noqa: S608 -- our own text
_NUMBERED = text(f"""
    SELECT {_COLUMNS} FROM ml_models WHERE organization_id = :organization_id AND kind = :kind AND version = :version
""")  # noqa: S608 -- our own text
_LIST = text(f"""
    SELECT {_COLUMNS} FROM ml_models
     WHERE organization_id = :organization_id AND (CAST(:kind AS text) IS NULL OR kind = :kind)
       AND (CAST(:before AS uuid) IS NULL OR id < :before)
     ORDER BY id DESC LIMIT :most
""")  # noqa: S608 -- our own text
_WEIGHTS = text("SELECT weights FROM ml_models WHERE organization_id = :organization_id AND id = :id")


@dataclass(frozen=True)
class Version:
    """One version of a trained model.

    Attributes:
        reason: why it is in its state, in a sentence.
        metrics: its figures, as whoever trained it measured them.
        trained_on: how many labels there were to learn from.
        created_at: when its training began; what people said since, it does not know.
        state_since: since when it is in use, retired or put aside.
        rolled_back_at: when somebody put an earlier version in its place.
        training: whether it is still being trained.
        size: bytes of its weights; 0 where only figures are kept.
    """

    id: UUID
    kind: str
    version: int
    state: str
    reason: str
    metrics: dict[str, Any]
    trained_on: int
    created_at: datetime
    state_since: datetime
    rolled_back_at: datetime | None
    training: bool
    size: int


class ModelVersionNotFound(NotFound):
    """There is no such version of a trained model."""


async def champion_of(session: AsyncSession, *, organization_id: UUID, kind: str) -> Version | None:
    """Return the version in use; None where there is none."""
    found = await session.scalar(_CHAMPION, {"organization_id": organization_id, "kind": kind})
    return None if found is None else await version_of(session, organization_id=organization_id, model_id=found)


async def version_of(session: AsyncSession, *, organization_id: UUID, model_id: UUID) -> Version:
    """Return a version by its id, or raise ModelVersionNotFound."""
    row = (
        (await session.execute(_VERSION, {"organization_id": organization_id, "id": model_id})).mappings().one_or_none()
    )
    if row is None:
        raise ModelVersionNotFound
    return Version(**row)


async def version_numbered(session: AsyncSession, *, organization_id: UUID, kind: str, version: int) -> Version:
    """Return a version by its number, or raise ModelVersionNotFound."""
    values = {"organization_id": organization_id, "kind": kind, "version": version}
    row = (await session.execute(_NUMBERED, values)).mappings().one_or_none()
    if row is None:
        raise ModelVersionNotFound(f"There is no version {version} of the model {kind!r}.")
    return Version(**row)


async def read_weights(session: AsyncSession, *, organization_id: UUID, model_id: UUID) -> bytes:
    """Return the weights of a version; empty where there are none (any more)."""
    return bytes(await session.scalar(_WEIGHTS, {"organization_id": organization_id, "id": model_id}) or b"")


async def list_versions(
    session: AsyncSession,
    *,
    organization_id: UUID,
    kind: str | None = None,
    before: UUID | None = None,
    most: int = 50,
) -> list[Version]:
    """Return versions, those claimed last first, of one kind or of all.

    Args:
        before: the id of the last one seen.
    """
    values = {"organization_id": organization_id, "kind": kind, "before": before, "most": most}
    return [Version(**row) for row in (await session.execute(_LIST, values)).mappings()]
