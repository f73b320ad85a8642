"""The search index: how far it is behind, and what it had to leave out."""

from __future__ import annotations

from helpdesk.doctor.finding import error, ok, warning
from helpdesk.doctor.patient import Patient
from helpdesk.doctor.registry import Looked, check

_BEHIND = """
SELECT count(*) AS rows, coalesce(extract(epoch FROM now() - min(waiting_since)), 0)::float8 AS lag_s,
       (array_agg(left(last_error, 200) ORDER BY updated_at DESC) FILTER (WHERE last_error IS NOT NULL))[1] AS waits_for
  FROM rag_index_queue WHERE status IN ('pending', 'running')
"""
_FAILED = """
SELECT count(*) AS rows, (array_agg(left(last_error, 200) ORDER BY updated_at DESC))[1] AS last_error
  FROM rag_index_queue WHERE status = 'failed'
"""


@check("index.lag", "how far the index is behind", database=True)
async def lag(patient: Patient) -> Looked:
    """Look how long the oldest change has waited to be indexed."""
    async with patient.reading("atum_worker") as connection:
        row = await connection.fetchrow(_BEHIND)
    figures = {"rows": row["rows"], "lag_s": round(row["lag_s"], 1)}
    if row["lag_s"] <= patient.bounds.late_s:
        return ok(f"{row['rows']:,} changes wait to be indexed, the oldest for {row['lag_s']:,.0f} s.", **figures)
    why = f" The last one said: {row['waits_for']}" if row["waits_for"] else ""
    says = f"{row['rows']:,} changes wait to be indexed, the oldest for {row['lag_s'] / 60:,.0f} min.{why}"
    remedy = "Look whether the embedding model answers, and at `atum-desk rag status`; start another index worker."
    tell = error if row["lag_s"] > patient.bounds.far_too_late_s else warning
    return tell(says, remedy, **figures)


@check("index.failed", "which changes could not be indexed", database=True)
async def failed(patient: Patient) -> Looked:
    """Count the sources that the index had to leave out."""
    async with patient.reading("atum_worker") as connection:
        row = await connection.fetchrow(_FAILED)
    if not row["rows"]:
        return ok("Nothing had to be left out of the index.")
    says = f"{row['rows']:,} sources could not be indexed; the last one: {row['last_error'] or 'no reason'}"
    remedy = (
        '`atum-desk rag status` has the reasons; POST /api/v1/rag/reindex with {"what": "failed"} tries them again.'
    )
    return warning(says, remedy, rows=row["rows"])
