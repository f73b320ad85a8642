"""The statements that take jobs without a limit key: by deadline, and tenant by tenant.

Both look first and lock afterwards. The look takes no locks: it reads as many heads as could be wanted, decides which
of them are, and counts how many each range of the index is to give. Only so many rows are then locked, skipping those
that another claimer has locked meanwhile. Locking all candidates would write to rows that are not taken, and hide them
from other claimers while it does.

They are plan-proof whatever the statistics say. Each index over waiting jobs has a predicate of its own, worded so that
none can be derived from another: a look names the predicate of the one index that is to be read, and no other fits. The
update finds its rows by primary key, never by a join. `OFFSET 0` keeps the planner from writing out a sub-select once
for each mention of its result.
"""

from __future__ import annotations

from typing import Final

# A low job waits at most 300 s behind newer high work, a normal one 60 s, and no row is rewritten to age.
_LANES = """(VALUES (0::smallint, interval '0'), (1::smallint, interval '60 s'), (2::smallint, interval '300 s'))
           AS lanes (lane, behind)"""

# $1 how many jobs, $3 types, $4 their queues, $5 how many of each the worker has room for. A paused type is out at
# once, and costs no look at its jobs. One look at each type finds the first lane it has jobs in, which leaves two at
# most; what `open` holds are the heads of the ranges that have due jobs.
_SERVED = """
served AS MATERIALIZED (
    SELECT asked.job_type, least(asked.room, {limit}) AS room
      FROM unnest($3::text[], $4::text[], $5::int[]) AS asked (job_type, queue, room)
     WHERE NOT EXISTS (SELECT 1 FROM job_pauses
                        WHERE (kind = 'type' AND name = asked.job_type) OR (kind = 'queue' AND name = asked.queue))),
present AS MATERIALIZED (
    SELECT served.job_type, served.room, first.lane, first.run_after, first.id
      FROM served CROSS JOIN LATERAL (
           SELECT lane, run_after, id FROM job_queue
            WHERE {waiting} AND job_type = served.job_type
            ORDER BY lane, run_after, id LIMIT 1) AS first),
open AS MATERIALIZED (
    SELECT job_type, room, lane, behind, run_after, id
      FROM present JOIN {lanes} USING (lane)
     WHERE run_after <= now()
     UNION ALL
    SELECT present.job_type, present.room, lanes.lane, lanes.behind, head.run_after, head.id
      FROM present JOIN {lanes} ON lanes.lane > present.lane
     CROSS JOIN LATERAL (
           SELECT run_after, id FROM job_queue
            WHERE {waiting} AND job_type = present.job_type AND lane = lanes.lane AND run_after <= now()
            ORDER BY run_after, id LIMIT 1) AS head)"""

# $2 the worker
TAKEN: Final = """
taken AS (
    UPDATE job_queue AS j
       SET status = 'running', locked_by = $2, locked_at = now(), started_at = now(), updated_at = now(),
           attempts = j.attempts + 1, lease = j.lease + 1{slot}
     WHERE j.id = ANY (ARRAY(SELECT id FROM pick))
    RETURNING j.id, j.organization_id, j.job_type, j.payload, j.lease, j.attempts, j.retry_count, j.max_retries,
              j.timeout_s, j.run_after, j.created_at, j.limit_key, j.trace_parent, j.request_id, j.lane),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, worker)
    SELECT organization_id, id, 'started', attempts, $2 FROM taken)"""

# Every range starts at the head that `open` found: with an old snapshot about, the entries of finished jobs before it
# stay in the index, and are passed over once instead of three times.
_BY_DEADLINE = """
WITH {first}{served},
look AS MATERIALIZED (
    SELECT served.job_type, best.lane, best.id, best.due
      FROM served CROSS JOIN LATERAL (
           SELECT open.lane, seen.id, seen.run_after + open.behind AS due
             FROM open CROSS JOIN LATERAL (
                  SELECT id, run_after FROM job_queue
                   WHERE {waiting} AND job_type = open.job_type AND lane = open.lane AND run_after <= now()
                     AND (run_after, id) >= (open.run_after, open.id)
                   ORDER BY run_after, id LIMIT open.room) AS seen
            WHERE open.job_type = served.job_type
            ORDER BY due, seen.id LIMIT served.room) AS best),
share AS (
    SELECT job_type, lane, count(*) AS jobs
      FROM (SELECT job_type, lane FROM look ORDER BY due, id LIMIT {limit}) AS best
     GROUP BY job_type, lane),
pick AS MATERIALIZED (
    SELECT mine.id, row_number() OVER () AS place
      FROM share JOIN open USING (job_type, lane) CROSS JOIN LATERAL (
           SELECT id FROM job_queue
            WHERE {waiting} AND job_type = open.job_type AND lane = open.lane AND run_after <= now()
              AND (run_after, id) >= (open.run_after, open.id)
            ORDER BY run_after, id LIMIT share.jobs FOR UPDATE SKIP LOCKED) AS mine),
{taken}
SELECT * FROM taken
"""

# {after} is the tenant after whom to begin, {steps} how many tenants to look at. Steps from tenant to tenant by the
# index, whose other entries are not read, round the end to where it began. The entry a step lands on is the first of
# its tenant, and so the head of its own range; ranges before that are empty, and only those behind it are looked at.
# Each tenant gives its best job by virtual deadline, then its second best, and so on. The last column says after whom
# to begin next time: a tenant whose turn it was, but for whose type the others left no room, is the first then.
_BY_TENANT = """
WITH RECURSIVE {first}{served},
range AS MATERIALIZED (SELECT *, row_number() OVER () AS place FROM open),
step AS (
    SELECT {after}::uuid AS organization_id, 0 AS tried, 0 AS found, false AS due, false AS round,
           ARRAY[]::timestamptz[] AS times, ARRAY[]::uuid[] AS ids
     UNION ALL
    SELECT tenant.organization_id, step.tried + 1, step.found + (heads.due > 0)::int, heads.due > 0,
           step.round OR tenant.organization_id <= step.organization_id, heads.times, heads.ids
      FROM step
      LEFT JOIN LATERAL (
           SELECT organization_id, job_type, lane, run_after, id FROM job_queue
            WHERE {by_tenant} AND organization_id > step.organization_id
            ORDER BY organization_id, job_type, lane, run_after, id LIMIT 1) AS ahead ON true
      LEFT JOIN LATERAL (
           SELECT organization_id, job_type, lane, run_after, id FROM job_queue
            WHERE {by_tenant} AND ahead.id IS NULL AND NOT step.round
            ORDER BY organization_id, job_type, lane, run_after, id LIMIT 1) AS start ON true
     CROSS JOIN LATERAL (
           SELECT coalesce(ahead.organization_id, start.organization_id) AS organization_id,
                  coalesce(ahead.job_type, start.job_type) AS job_type, coalesce(ahead.lane, start.lane) AS lane,
                  coalesce(ahead.run_after, start.run_after) AS run_after, coalesce(ahead.id, start.id) AS id
           OFFSET 0) AS tenant
     CROSS JOIN LATERAL (
           SELECT count(head.id) AS due, array_agg(head.run_after ORDER BY range.place) AS times,
                  array_agg(head.id ORDER BY range.place) AS ids
             FROM range LEFT JOIN LATERAL (
                  SELECT run_after, id FROM job_queue
                   WHERE {by_tenant} AND organization_id = tenant.organization_id AND job_type = range.job_type
                     AND lane = range.lane AND run_after <= now()
                     AND (range.job_type, range.lane) > (tenant.job_type, tenant.lane)
                   ORDER BY run_after, id LIMIT 1) AS later ON true
             CROSS JOIN LATERAL (
                  SELECT CASE WHEN first.here THEN tenant.run_after ELSE later.run_after END AS run_after,
                         CASE WHEN first.here THEN tenant.id ELSE later.id END AS id
                    FROM (SELECT (range.job_type, range.lane) = (tenant.job_type, tenant.lane)
                                 AND tenant.run_after <= now() AS here) AS first) AS head
           OFFSET 0) AS heads
     WHERE tenant.id IS NOT NULL AND step.found < {limit} AND step.tried < {steps}
       AND (NOT step.round AND tenant.organization_id > step.organization_id OR tenant.organization_id <= {after})),
top AS MATERIALIZED (
    SELECT step.organization_id, step.tried, range.job_type, range.lane, range.room, range.behind,
           step.times[range.place] AS run_after, step.ids[range.place] AS id
      FROM step CROSS JOIN range
     WHERE step.due AND step.ids[range.place] IS NOT NULL),
look AS MATERIALIZED (
    SELECT top.organization_id, top.tried, top.job_type, top.lane, top.room, seen.id, seen.run_after + top.behind AS due
      FROM top CROSS JOIN LATERAL (
           SELECT id, run_after FROM job_queue
            WHERE {by_tenant} AND organization_id = top.organization_id AND job_type = top.job_type
              AND lane = top.lane AND run_after <= now() AND (run_after, id) >= (top.run_after, top.id)
            ORDER BY run_after, id
            LIMIT least(top.room, 1 + 2 * {limit} / (SELECT count(*) FROM step WHERE step.due))) AS seen),
best AS MATERIALIZED (
    SELECT organization_id, job_type, lane
      FROM (SELECT *, row_number() OVER (PARTITION BY job_type ORDER BY turn, tried) AS place
              FROM (SELECT *, row_number() OVER (PARTITION BY organization_id ORDER BY due, id) AS turn
                      FROM look) AS ranked) AS placed
     WHERE place <= room ORDER BY turn, tried LIMIT {limit}),
share AS (SELECT organization_id, job_type, lane, count(*) AS jobs FROM best GROUP BY organization_id, job_type, lane),
pick AS MATERIALIZED (
    SELECT mine.id, row_number() OVER () AS place
      FROM share JOIN top USING (organization_id, job_type, lane) CROSS JOIN LATERAL (
           SELECT id FROM job_queue
            WHERE {by_tenant} AND organization_id = top.organization_id AND job_type = top.job_type
              AND lane = top.lane AND run_after <= now() AND (run_after, id) >= (top.run_after, top.id)
            ORDER BY run_after, id LIMIT share.jobs FOR UPDATE SKIP LOCKED) AS mine),
{taken},
last AS (
    SELECT organization_id AS after FROM step
     WHERE tried < coalesce((SELECT min(tried) FROM step
                              WHERE due AND organization_id NOT IN (SELECT organization_id FROM best)), tried + 1)
     ORDER BY tried DESC LIMIT 1)
SELECT taken.*, last.after FROM last LEFT JOIN taken ON true
"""

# $1 a tenant: whether anybody else has jobs waiting. Looks on either side of the tenant's own entries, which are not
# read, however many they are and were.
OTHERS_WAIT: Final = """
SELECT EXISTS (SELECT 1 FROM job_queue WHERE claimable::int = 1 AND organization_id > $1)
    OR EXISTS (SELECT 1 FROM job_queue WHERE claimable::int = 1 AND organization_id < $1) AS others
"""

# How long until the next job that is not due yet, for the types that are served: one look at each lane of each. What
# is due already has just been looked for; whatever keeps it from being taken, looking again at once would not help.
_NEXT_DUE = """
WITH served AS MATERIALIZED (
    SELECT asked.job_type
      FROM unnest($1::text[], $2::text[]) AS asked (job_type, queue)
     WHERE NOT EXISTS (SELECT 1 FROM job_pauses
                        WHERE (kind = 'type' AND name = asked.job_type) OR (kind = 'queue' AND name = asked.queue)))
SELECT extract(epoch FROM min(head.run_after) - now())::float8 AS wait
  FROM served CROSS JOIN {lanes} CROSS JOIN LATERAL (
       SELECT run_after FROM job_queue
        WHERE claimable AND job_type = served.job_type AND lane = lanes.lane
          AND run_after > now() - interval '50 ms'
        ORDER BY run_after LIMIT 1) AS head
"""


def _statement(form: str, *, slot: str = "", **parts: str) -> str:
    served = _SERVED.format(lanes=_LANES, limit=parts["limit"], waiting=parts["waiting"])
    return form.format(lanes=_LANES, served=served, taken=TAKEN.format(slot=slot), **parts)


_ANY: Final = {"first": "", "limit": "$1", "waiting": "claimable"}
BY_DEADLINE: Final = _statement(_BY_DEADLINE, **_ANY)
BY_TENANT: Final = _statement(_BY_TENANT, **_ANY, by_tenant="claimable::int = 1", after="$6", steps="$7")
NEXT_DUE: Final = _NEXT_DUE.format(lanes=_LANES)

# $6 a limit key, $7 how many of its jobs may run unless `job_limits` says otherwise. A slot is a number on a running
# job, and leaving `running` frees it, so that none can be lost; a unique index keeps any slot from being used twice.
_FREE_SLOTS = """
most AS MATERIALIZED (
    SELECT coalesce((SELECT slots FROM job_limits WHERE limit_key = $6),
                    (SELECT slots FROM job_limits WHERE limit_key = split_part($6, ':', 1) || ':*'), $7) AS slots),
used AS MATERIALIZED (SELECT limit_slot FROM job_queue WHERE {running} AND limit_key = $6),
free AS MATERIALIZED (
    SELECT slot, row_number() OVER () AS place
      FROM (SELECT slot FROM generate_series(1, (SELECT slots FROM most)) AS slot
             WHERE slot NOT IN (SELECT limit_slot FROM used)
             ORDER BY slot
             LIMIT greatest(0, least($1, (SELECT slots FROM most) - (SELECT count(*) FROM used)))) AS lowest),"""
_TAKE_SLOT = """,
           limit_slot = (SELECT free.slot FROM free JOIN pick USING (place) WHERE pick.id = j.id)"""
# A job that crashed twice has its last try by itself; `claimable` says the same.
_LIMITED = "(status = 'pending' AND limit_key IS NOT NULL AND crash_count < 2)"
_RUNNING = "(status = 'running' AND limit_key IS NOT NULL)::int = 1"
_UNDER_KEY: Final = {
    "first": _FREE_SLOTS.format(running=_RUNNING),
    "limit": "(SELECT count(*) FROM free)::int",
    "waiting": f"{_LIMITED}::int = 1 AND limit_key = $6",
    "slot": _TAKE_SLOT,
}
LIMITED_BY_DEADLINE: Final = _statement(_BY_DEADLINE, **_UNDER_KEY)
LIMITED_BY_TENANT: Final = _statement(
    _BY_TENANT,
    **_UNDER_KEY,
    by_tenant=f"{_LIMITED}::text = 'true' AND limit_key = $6",
    after="$8",
    steps="$9",
)

# $3 the key after which to begin, $4 how many to look at. Steps from key to key, and under a key from type to type: a
# paused or unserved type costs one look. Tells of each key how many jobs run, its own limit if it has one, and when the
# first job is due that could be taken here.
_KEYS = """
WITH RECURSIVE served AS MATERIALIZED (
    SELECT asked.job_type
      FROM unnest($1::text[], $2::text[]) AS asked (job_type, queue)
     WHERE NOT EXISTS (SELECT 1 FROM job_pauses
                        WHERE (kind = 'type' AND name = asked.job_type) OR (kind = 'queue' AND name = asked.queue))),
step AS (
    SELECT $3::text AS limit_key, 0 AS tried, false AS round
     UNION ALL
    SELECT key.name, step.tried + 1, step.round OR key.name <= step.limit_key
      FROM step
     CROSS JOIN LATERAL (
           SELECT coalesce(
                (SELECT limit_key FROM job_queue WHERE {waiting} AND limit_key > step.limit_key
                  ORDER BY limit_key LIMIT 1),
                (SELECT limit_key FROM job_queue WHERE {waiting} AND NOT step.round
                  ORDER BY limit_key LIMIT 1)) AS name OFFSET 0) AS key
     WHERE key.name IS NOT NULL AND step.tried < $4
       AND (NOT step.round AND key.name > step.limit_key OR key.name <= $3))
SELECT step.limit_key,
       coalesce((SELECT slots FROM job_limits WHERE limit_key = step.limit_key),
                (SELECT slots FROM job_limits WHERE limit_key = split_part(step.limit_key, ':', 1) || ':*')) AS slots,
       (SELECT count(*) FROM job_queue WHERE {running} AND limit_key = step.limit_key)::int AS running,
       (WITH RECURSIVE kind AS (
            SELECT (SELECT job_type FROM job_queue WHERE {waiting} AND limit_key = step.limit_key
                     ORDER BY job_type LIMIT 1) AS job_type
             UNION ALL
            SELECT (SELECT job_type FROM job_queue
                     WHERE {waiting} AND limit_key = step.limit_key AND job_type > kind.job_type
                     ORDER BY job_type LIMIT 1)
              FROM kind WHERE kind.job_type IS NOT NULL)
        SELECT extract(epoch FROM min(head.run_after) - now())::float8
          FROM kind JOIN served USING (job_type) CROSS JOIN {lanes} CROSS JOIN LATERAL (
               SELECT run_after FROM job_queue
                WHERE {waiting} AND limit_key = step.limit_key AND job_type = kind.job_type AND lane = lanes.lane
                ORDER BY run_after, id LIMIT 1) AS head) AS due_s
  FROM step WHERE step.tried > 0 ORDER BY step.tried
"""
KEYS: Final = _KEYS.format(lanes=_LANES, waiting=f"{_LIMITED}::int = 1", running=_RUNNING)
