"""Take jobs that are counted under a limit key: never more of a key at a time than it has slots, over all workers.

Such jobs are outside the ordinary claim, whose speed they do not touch. A look goes from key to key by the index; a
key with due jobs and free slots is then locked for a moment, and its slots are counted in a statement of its own, which
sees what is committed once the lock is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg

from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.claim import JobInHand, by_deadline, in_hand, in_turn, served
from helpdesk.queue.claim_sql import KEYS, LIMITED_BY_DEADLINE, LIMITED_BY_TENANT
from helpdesk.queue.link import Runs, Transacts

# What one look costs at most, whatever the number of keys; the next goes on behind it.
_KEYS_A_LOOK = 50
# Tenants looked at under one key, beyond four for each job: many may have nothing that is due.
_TENANTS_AT_LEAST = 20
_MOST_KEYS_REMEMBERED = 1000

# A lock that somebody has is not waited for: a claimer that hangs in its transaction must not stop the others.
_LOCK: Final = """
SELECT key FROM unnest($1::text[]) AS key
 WHERE pg_try_advisory_xact_lock(hashtextextended('atum limit ' || key, 0))
"""


@dataclass(frozen=True, slots=True)
class WaitingKey:
    """A limit key that has pending jobs.

    Attributes:
        due_s: seconds until the first of them is due that this worker could take; None when there is none.
        free: how many more may run now, over all workers.
    """

    limit_key: str
    due_s: float | None
    free: int

    @property
    def is_ready(self) -> bool:
        """Return whether a job of it can be taken now."""
        return self.free > 0 and self.due_s is not None and self.due_s <= 0


@dataclass(slots=True)
class LimitedTurns:
    """Whose turn it is in one process: among the keys, and under each key among the tenants.

    Attributes:
        after_key: the key that was looked at last.
        by_tenant: whether the next claim goes tenant by tenant, or by deadline over all of them.
        after: under each key, the tenant whose turn was last.
    """

    after_key: str = ""
    by_tenant: bool = False
    after: dict[str, UUID] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LimitedClaim:
    """Jobs taken under limit keys; `contended` when another worker was at one of the keys, so that more may be free."""

    jobs: list[JobInHand]
    contended: bool = False


async def waiting_keys(
    connection: Runs, *, turns: LimitedTurns, room: Mapping[str, int] | None = None
) -> list[WaitingKey]:
    """Look at up to 50 limit keys with pending jobs, going on where the last look ended; one probe when there are none.

    Args:
        room: look at these job types only, as in `claim`.
    """
    types, queues, _ = served(room, limit=1)
    rows = await connection.fetch(KEYS, types, queues, turns.after_key, _KEYS_A_LOOK)
    if rows:
        turns.after_key = rows[-1]["limit_key"]
    return [_waiting_key(row) for row in rows]


async def claim_limited(
    link: Transacts,
    *,
    worker_id: UUID,
    limit: int,
    keys: Sequence[WaitingKey],
    turns: LimitedTurns,
    room: Mapping[str, int] | None = None,
) -> LimitedClaim:
    """Take up to `limit` due jobs under the keys that are ready, each with a slot of its key.

    Under a key, claims by deadline and claims tenant by tenant take turns, see `helpdesk.queue.claim`.

    Args:
        limit: how many can be started at once; a job that holds a slot must not wait.
        keys: what `waiting_keys` has returned.
        room: how many of each job type to take at most, as in `claim`.
    """
    wanted = [key.limit_key for key in keys if key.is_ready][: max(limit, 0)]
    if not wanted:
        return LimitedClaim([])
    left = dict.fromkeys(JOB_TYPES, limit) if room is None else dict(room)
    jobs: list[JobInHand] = []
    try:
        async with link.transaction() as run:
            locked = {row["key"] for row in await run.fetch(_LOCK, wanted)}
            for key in wanted:
                if key in locked and len(jobs) < limit:
                    turns.after_key = key
                    values = (limit - len(jobs), worker_id, *served(left, limit=limit), key, default_slots(key))
                    taken = [in_hand(row, worker_id) for row in await _take(run, key, values, turns)]
                    jobs += taken
                    for job in taken:
                        left[job.job_type] -= 1
    except asyncpg.UniqueViolationError:
        # Somebody who does not take the lock was faster; everything is rolled back.
        return LimitedClaim([], contended=True)
    turns.by_tenant = not turns.by_tenant
    return LimitedClaim(jobs, contended=len(locked) < len(wanted))


async def _take(run: Runs, key: str, values: Sequence[Any], turns: LimitedTurns) -> list[asyncpg.Record]:
    if not turns.by_tenant:
        return by_deadline(await run.fetch(LIMITED_BY_DEADLINE, *values))
    after = turns.after.pop(key, UUID(int=0))
    rows = await run.fetch(LIMITED_BY_TENANT, *values, after, _TENANTS_AT_LEAST + 4 * values[0])
    turns.after[key] = rows[0]["after"]
    if len(turns.after) > _MOST_KEYS_REMEMBERED:
        del turns.after[next(iter(turns.after))]
    return in_turn(row for row in rows if row["id"] is not None)


def default_slots(limit_key: str) -> int:
    """Return how many jobs under a key may run when `job_limits` does not say: what its job types say.

    The least of them where several types share the key and do not agree; 1 for a key that none is known to use.
    """
    sharing = [args.slots for args in JOB_TYPES.values() if args.limited_by == limit_key]
    kind, _, rest = limit_key.partition(":")
    owner = JOB_TYPES.get(rest.partition(":")[0])
    if kind in ("type", "tenant") and owner is not None:
        sharing.append(owner.slots)
    return min(sharing, default=1)


def _waiting_key(row: asyncpg.Record) -> WaitingKey:
    slots = default_slots(row["limit_key"]) if row["slots"] is None else row["slots"]
    return WaitingKey(row["limit_key"], row["due_s"], max(slots - row["running"], 0))
