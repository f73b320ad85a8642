"""Figures that are drawn from something else than facts about tickets: proofs, calibration, and how far queues lag."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.measures.calibration import calibration_error
from helpdesk.metrics.slices import Figure

# No row where nothing was proven: that is not the same as nothing found.
_PROVEN = text("""
    SELECT sum(differing)::float8, sum(clocks)::bigint
      FROM sla_proofs
     WHERE organization_id = :organization_id AND finished_at >= :starts AND finished_at < :ends
    HAVING count(*) > 0
""")
_JUDGED = text("""
    SELECT f.field, p.probability, f.verdict = 'accept'
      FROM triage_feedback AS f JOIN triage_predictions AS p ON p.id = f.prediction_id
     WHERE f.organization_id = :organization_id AND f.created_at >= :starts AND f.created_at < :ends
""")
# How long the oldest piece of waiting work has waited, and what else has no history.
_MOMENTARY = text("""
    SELECT 'job_queue_lag_s', coalesce(max(extract(epoch FROM now() - run_after)), 0)::float8, count(*)
      FROM job_queue
     WHERE organization_id = :organization_id AND status = 'pending' AND run_after <= now()
    UNION ALL
    SELECT 'index_queue_lag_s', coalesce(max(extract(epoch FROM now() - updated_at)), 0)::float8, count(*)
      FROM rag_index_queue
     WHERE organization_id = :organization_id AND status = 'pending' AND run_after <= now()
    UNION ALL
    SELECT 'knowledge_gaps_open', count(*)::float8, count(*)
      FROM kb_gaps WHERE organization_id = :organization_id AND state = 'open'
""")
# Of a longer time, the most that a queue lagged and the gaps at its end, as far as quarters of it were taken at the
# time.
_SEEN = text("""
    SELECT metric,
           CASE WHEN metric = 'knowledge_gaps_open' THEN (array_agg(value ORDER BY bucket_start DESC))[1]
                ELSE max(value) END,
           count(*)
      FROM metric_snapshots
     WHERE organization_id = :organization_id AND granularity = '15m' AND dimension_key = ''
       AND metric = ANY (CAST(:momentary AS text[])) AND bucket_start >= :starts AND bucket_start < :ends
     GROUP BY metric
""")


async def own_figures(session: AsyncSession, values: Mapping[str, Any]) -> list[Figure]:
    """Return the figures of proofs and of calibration.

    Args:
        values: `organization_id`, `starts` and `ends`.
    """
    bounds = {name: values[name] for name in ("organization_id", "starts", "ends")}
    found = [
        Figure("sla_clocks_differing", {}, differing, clocks)
        for differing, clocks in await session.execute(_PROVEN, bounds)
    ]
    judged: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)
    for name, probability, right in await session.execute(_JUDGED, bounds):
        judged[name].append((probability, right))
    for name, pairs in judged.items():
        error = calibration_error([promised for promised, _ in pairs], [right for _, right in pairs])
        found.append(Figure("triage_calibration_error", {"field": name}, error, len(pairs)))
    return found


async def momentary_figures(session: AsyncSession, values: Mapping[str, Any]) -> list[Figure]:
    """Return what can only be known now."""
    return await _plain(session, _MOMENTARY, {"organization_id": values["organization_id"]})


async def seen_figures(session: AsyncSession, values: Mapping[str, Any], momentary: list[str]) -> list[Figure]:
    """Return what was seen at the moments of a longer time; nothing where nobody looked."""
    bounds = {name: values[name] for name in ("organization_id", "starts", "ends")}
    return await _plain(session, _SEEN, bounds | {"momentary": momentary})


async def _plain(session: AsyncSession, statement: TextClause, values: Mapping[str, Any]) -> list[Figure]:
    return [Figure(metric, {}, value, count) for metric, value, count in await session.execute(statement, values)]
