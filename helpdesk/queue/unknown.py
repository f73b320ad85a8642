"""Set jobs aside whose type nobody knows any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from helpdesk.queue.link import Runs

# $1 types known here, $2 how long a job must have been due, $3 seconds after which a silent worker counts as gone.
# Steps from type to type by the index. A type that any live worker serves is known, though this process may have
# neither its plug-in nor its version; a worker that does not say what it serves may know them all.
_DEAD_LETTER_UNKNOWN = """
WITH RECURSIVE plain AS (
    SELECT (SELECT job_type FROM job_queue WHERE claimable ORDER BY job_type LIMIT 1) AS job_type
     UNION ALL
    SELECT (SELECT job_type FROM job_queue WHERE claimable AND job_type > plain.job_type ORDER BY job_type LIMIT 1)
      FROM plain WHERE plain.job_type IS NOT NULL),
limited AS (
    SELECT * FROM (SELECT limit_key, job_type FROM job_queue WHERE {limited}
                    ORDER BY limit_key, job_type LIMIT 1) AS first
     UNION ALL
    SELECT following.* FROM limited CROSS JOIN LATERAL (
           SELECT limit_key, job_type FROM job_queue
            WHERE {limited} AND (limit_key, job_type) > (limited.limit_key, limited.job_type)
            ORDER BY limit_key, job_type LIMIT 1) AS following),
unknown AS MATERIALIZED (
    SELECT NULL::text AS limit_key, job_type FROM plain WHERE job_type IS NOT NULL AND NOT job_type = ANY ($1::text[])
     UNION ALL
    SELECT limit_key, job_type FROM limited WHERE NOT job_type = ANY ($1::text[])),
old AS MATERIALIZED (
    SELECT due.id
      FROM unknown CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint)) AS lanes (lane)
     CROSS JOIN LATERAL (
           SELECT id FROM (SELECT id FROM job_queue
             WHERE claimable AND unknown.limit_key IS NULL AND job_type = unknown.job_type AND lane = lanes.lane
               AND run_after < now() - $2::interval AND created_at < now() - $2::interval
             ORDER BY run_after, id LIMIT 500 FOR UPDATE SKIP LOCKED) AS plain_due
            UNION ALL
           SELECT id FROM (SELECT id FROM job_queue
             WHERE {limited} AND limit_key = unknown.limit_key AND job_type = unknown.job_type AND lane = lanes.lane
               AND run_after < now() - $2::interval AND created_at < now() - $2::interval
             ORDER BY run_after, id LIMIT 500 FOR UPDATE SKIP LOCKED) AS limited_due) AS due
     WHERE NOT EXISTS (SELECT 1 FROM workers
                        WHERE kind = 'job' AND last_seen > now() - make_interval(secs => $3::float8)
                          AND (unknown.job_type = ANY (types) OR types = ARRAY[]::text[]))),
gone AS (
    UPDATE job_queue AS j
       SET status = 'dead_letter', finished_at = now(), updated_at = now(),
           last_error = 'no worker knows the job type ' || j.job_type
     WHERE j.id = ANY (ARRAY(SELECT id FROM old))
    RETURNING j.id, j.organization_id, j.job_type, j.attempts, j.last_error),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, detail)
    SELECT organization_id, id, 'dead_lettered', attempts, last_error FROM gone)
SELECT job_type FROM gone
"""
DEAD_LETTER_UNKNOWN: Final = _DEAD_LETTER_UNKNOWN.format(
    limited="(status = 'pending' AND limit_key IS NOT NULL AND crash_count < 2)::int = 1"
)


async def dead_letter_unknown(
    connection: Runs, known_types: Collection[str], older_than: timedelta, *, worker_gone_s: float = 900
) -> dict[str, int]:
    """Make dead letters of jobs whose type neither this process nor any live worker knows; each can be replayed.

    Args:
        known_types: what this process knows, its plug-ins' types among them.
        older_than: how long they must have been due, and made, for a worker that knows them to come back.
        worker_gone_s: seconds after which a worker that is silent no longer counts.

    Returns:
        How many by type, 500 at most of each priority; empty when none are left.
    """
    rows = await connection.fetch(DEAD_LETTER_UNKNOWN, sorted(known_types), older_than, worker_gone_s)
    return dict(Counter(row["job_type"] for row in rows))
