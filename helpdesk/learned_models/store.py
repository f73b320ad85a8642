"""The versions of a trained model: one is trained at a time, one is in use, and there is a way back to earlier ones.

A kind is whatever is trained on its own, such as `triage`, or `breach`. What one transaction here decides, no other one
decides otherwise: each takes the lock of the kind before it looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import Conflict
from helpdesk.learned_models.versions import Version, champion_of, version_of

# Whoever has not shown life for as long is taken for dead, and another one may train.
TRAINING_LIMIT = timedelta(minutes=10)
# Earlier versions that can be gone back to; of older ones the figures are kept.
KEPT_WEIGHTS = 5

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:kind || CAST(:organization_id AS uuid)::text, 1))")
# By the database's clock: those of two workers may differ by more than the limit.
_FORGET_DEAD = text("""
    DELETE FROM ml_models
     WHERE organization_id = :organization_id AND kind = :kind
       AND claimed_at < clock_timestamp() - CAST(:limit AS interval)
""")
_CLAIM = text("""
    INSERT INTO ml_models (id, organization_id, kind, version, weights, trained_on, state, created_at, state_since,
                           claimed_at)
    SELECT :id, :organization_id, :kind, coalesce(max(version), 0) + 1, '', 0, 'challenger', :now, :now,
           clock_timestamp()
      FROM ml_models WHERE organization_id = :organization_id AND kind = :kind
        ON CONFLICT DO NOTHING
    RETURNING id
""")
_KEEP_CLAIM = text("""
    UPDATE ml_models SET claimed_at = clock_timestamp()
     WHERE organization_id = :organization_id AND id = :id AND claimed_at IS NOT NULL
    RETURNING id
""")
_GIVE_UP = text("""
    DELETE FROM ml_models WHERE organization_id = :organization_id AND id = :id AND claimed_at IS NOT NULL
""")
_RETIRE = text("""
    UPDATE ml_models SET state = 'retired', state_since = :now, reason = :reason,
                         rolled_back_at = CASE WHEN :rolled_back THEN :now ELSE rolled_back_at END
     WHERE organization_id = :organization_id AND kind = :kind AND state = 'champion'
""")
_FINISH = text("""
    UPDATE ml_models SET state = :state, weights = :weights, trained_on = :trained_on, metrics = :metrics,
                         reason = :reason, state_since = :now, claimed_at = NULL
     WHERE organization_id = :organization_id AND id = :id AND claimed_at IS NOT NULL
    RETURNING id
""").bindparams(bindparam("metrics", type_=JSONB))
_PUT_BACK = text("""
    UPDATE ml_models SET state = 'champion', state_since = :now, reason = :reason, rolled_back_at = NULL
     WHERE organization_id = :organization_id AND id = :id
""")
_FORGET_WEIGHTS = text("""
    UPDATE ml_models SET weights = ''
     WHERE organization_id = :organization_id AND kind = :kind AND state <> 'champion' AND claimed_at IS NULL
       AND weights <> ''
       AND id NOT IN (SELECT id FROM ml_models
                       WHERE organization_id = :organization_id AND kind = :kind AND state <> 'champion'
                         AND claimed_at IS NULL
                       ORDER BY version DESC LIMIT :kept)
""")


class WeightsForgotten(Conflict):
    """Of this version only the figures are kept; it cannot be used any more."""


class StillTraining(Conflict):
    """The version is still being trained."""


class ClaimLost(Conflict):
    """The training took so long that another worker took it over."""


async def claim_version(
    session: AsyncSession, *, organization_id: UUID, kind: str, now: datetime, limit: timedelta = TRAINING_LIMIT
) -> UUID | None:
    """Claim the next version of a kind and return its id; None while another worker trains one.

    Args:
        limit: after how long without `keep_claim` another worker's claim is taken for dead.
    """
    scope = {"organization_id": organization_id, "kind": kind}
    await session.execute(_FORGET_DEAD, scope | {"limit": limit})
    claimed: UUID | None = await session.scalar(_CLAIM, scope | {"id": new_id(), "now": now})
    return claimed


async def keep_claim(session: AsyncSession, *, organization_id: UUID, claim: UUID) -> None:
    """Show life during a long training; raise ClaimLost where another worker has taken it over."""
    if await session.scalar(_KEEP_CLAIM, {"organization_id": organization_id, "id": claim}) is None:
        raise ClaimLost


async def give_up(session: AsyncSession, *, organization_id: UUID, claim: UUID) -> None:
    """Let go of a claim whose training failed; nothing happens where it is finished or lost."""
    await session.execute(_GIVE_UP, {"organization_id": organization_id, "id": claim})


async def promote(
    session: AsyncSession,
    *,
    organization_id: UUID,
    kind: str,
    claim: UUID,
    weights: bytes,
    trained_on: int,
    metrics: Mapping[str, Any],
    reason: str,
    now: datetime,
) -> None:
    """Put the version that was claimed in use, in place of the one that is; raise ClaimLost where it is gone."""
    await _lock(session, organization_id, kind)
    # The unique index allows no second champion, not even until the end of the statement.
    await _retire(session, organization_id, kind, now, reason="A later version is in use.", rolled_back=False)
    await _finish(session, organization_id, claim, "champion", weights, trained_on, metrics, reason, now)
    await forget_weights(session, organization_id=organization_id, kind=kind)


async def put_aside(
    session: AsyncSession,
    *,
    organization_id: UUID,
    kind: str,
    claim: UUID,
    weights: bytes,
    trained_on: int,
    metrics: Mapping[str, Any],
    reason: str,
    now: datetime,
) -> None:
    """Keep the version that was claimed as a challenger, with the reason why it is not in use; raise ClaimLost."""
    await _lock(session, organization_id, kind)
    await _finish(session, organization_id, claim, "challenger", weights, trained_on, metrics, reason, now)
    await forget_weights(session, organization_id=organization_id, kind=kind)


async def retire(session: AsyncSession, *, organization_id: UUID, kind: str, reason: str, now: datetime) -> None:
    """Take the version in use out of use, so that none is."""
    await _lock(session, organization_id, kind)
    await _retire(session, organization_id, kind, now, reason=reason, rolled_back=False)


async def roll_back(
    session: AsyncSession, *, organization_id: UUID, model_id: UUID, reason: str, now: datetime
) -> Version:
    """Put an earlier version, or one that was put aside, in use; the one that was in use is marked as rolled back.

    Where it is in use already, nothing changes.

    Raises:
        ModelVersionNotFound, StillTraining, WeightsForgotten: it cannot be used.
    """
    found = await version_of(session, organization_id=organization_id, model_id=model_id)
    await _lock(session, organization_id, found.kind)
    found = await version_of(session, organization_id=organization_id, model_id=model_id)
    if found.state == "champion":
        return found
    if found.training:
        raise StillTraining
    if found.size == 0:
        raise WeightsForgotten
    told = f"Version {found.version} was put in its place."
    await _retire(session, organization_id, found.kind, now, reason=told, rolled_back=True)
    values = {"organization_id": organization_id, "id": model_id, "reason": reason, "now": now}
    await session.execute(_PUT_BACK, values)
    return await version_of(session, organization_id=organization_id, model_id=model_id)


async def locked_champion(session: AsyncSession, *, organization_id: UUID, kind: str) -> Version | None:
    """Return the version in use, which stays so until this transaction ends."""
    await _lock(session, organization_id, kind)
    return await champion_of(session, organization_id=organization_id, kind=kind)


async def forget_weights(session: AsyncSession, *, organization_id: UUID, kind: str, kept: int = KEPT_WEIGHTS) -> None:
    """Let go of the weights of all but the version in use and the newest few others; their figures are kept."""
    await session.execute(_FORGET_WEIGHTS, {"organization_id": organization_id, "kind": kind, "kept": kept})


async def _lock(session: AsyncSession, organization_id: UUID, kind: str) -> None:
    await session.execute(_LOCK, {"organization_id": organization_id, "kind": kind})


async def _retire(
    session: AsyncSession, organization_id: UUID, kind: str, now: datetime, *, reason: str, rolled_back: bool
) -> None:
    scope = {"organization_id": organization_id, "kind": kind}
    await session.execute(_RETIRE, scope | {"now": now, "reason": reason, "rolled_back": rolled_back})


async def _finish(  # noqa: PLR0917 -- the columns of a row
    session: AsyncSession,
    organization_id: UUID,
    claim: UUID,
    state: str,
    weights: bytes,
    trained_on: int,
    metrics: Mapping[str, Any],
    reason: str,
    now: datetime,
) -> None:
    values = {
        "organization_id": organization_id,
        "id": claim,
        "state": state,
        "weights": weights,
        "trained_on": trained_on,
        "metrics": dict(metrics),
        "reason": reason,
        "now": now,
    }
    if await session.scalar(_FINISH, values) is None:
        raise ClaimLost
