"""Which model predicts an organisation's breaches now."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.learned_models.versions import champion_of, read_weights
from helpdesk.sla.prediction.estimating.estimator import Estimator, read_estimator
from helpdesk.sla.prediction.estimating.trees import TreesUnreadable
from helpdesk.sla.prediction.hazard import Ended, HazardTable
from helpdesk.sla.prediction.model import KIND, FittedModel, HazardModel, Model

log = structlog.get_logger(__name__)

_KEPT_LOADED = 16
_loaded: OrderedDict[tuple[UUID, datetime], Estimator] = OrderedDict()

# Only clocks that had ended by then, and no more of them than tell what is usual now; by the priority of then.
_ENDED = text("""
    SELECT c.metric, coalesce(log.priority, t.priority) AS priority, c.elapsed_s::float8 / c.target_s AS used,
           c.breached
      FROM (SELECT ticket_id, metric, elapsed_s, target_s, breached, stopped_at FROM sla_clocks
             WHERE organization_id = :organization_id AND outcome IN ('met', 'breached') AND stopped_at < :now
             ORDER BY stopped_at DESC LIMIT 5000) AS c
      JOIN tickets t ON t.id = c.ticket_id
      LEFT JOIN LATERAL (
           SELECT coalesce(data ->> 'to', data ->> 'priority') AS priority FROM ticket_events
            WHERE ticket_id = c.ticket_id AND occurred_at <= c.stopped_at
              AND kind IN ('ticket.opened', 'ticket.priority_changed')
            ORDER BY occurred_at DESC, seq DESC LIMIT 1) AS log ON true
     ORDER BY c.stopped_at DESC
""")


async def ended_clocks(session: AsyncSession, *, organization_id: UUID, now: datetime) -> list[Ended]:
    """Return the clocks that ended last."""
    rows = await session.execute(_ENDED, {"organization_id": organization_id, "now": now})
    return [Ended(*row) for row in rows]


async def current_model(session: AsyncSession, *, organization_id: UUID, ended: Sequence[Ended]) -> Model:
    """Return the organisation's estimator in use, or the table of hazards where there is none that can be read here."""
    found = await fitted_model(session, organization_id=organization_id)
    return found if isinstance(found, FittedModel) else HazardModel(HazardTable(ended), found)


async def fitted_model(session: AsyncSession, *, organization_id: UUID) -> FittedModel | str:
    """Return the organisation's estimator in use, or why there is none that can be read here, in a sentence."""
    version = await champion_of(session, organization_id=organization_id, kind=KIND)
    if version is None:
        return "No estimator has been fitted yet."
    key = (version.id, version.state_since)
    if key not in _loaded:
        weights = await read_weights(session, organization_id=organization_id, model_id=version.id)
        try:
            estimator = read_estimator(weights)
        except TreesUnreadable as error:
            log.warning("breach_model_unreadable", version=version.version, reason=str(error))
            return f"Version {version.version} cannot be read here: {error}"
        if estimator is None:
            return f"Version {version.version} is of another release."
        _loaded[key] = estimator
        while len(_loaded) > _KEPT_LOADED:
            _loaded.popitem(last=False)
    return FittedModel(version.version, _loaded[key])
