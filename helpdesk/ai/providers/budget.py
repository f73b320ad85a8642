"""How much of the text model an organisation has used in the last 24 hours, and whether there is something left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Bounds
from helpdesk.models.ai_policy import BudgetPolicy

WINDOW = timedelta(hours=24)

_SINCE = bindparam("since", type_=DateTime(timezone=True))
# The condition is that of the index, which holds the columns as well: the table itself is not read.
_USED = text("""
    SELECT coalesce(sum(coalesce(prompt_tokens, 0) + coalesce(output_tokens, 0)), 0)::bigint AS tokens,
           coalesce(sum(total_ms), 0) / 1000 AS seconds
      FROM ai_runs
     WHERE organization_id = :organization_id AND created_at > :since AND kind <> 'embed'
""").bindparams(_SINCE)
# Calls leave the window one by one. Counted from the newest back, the first at which a bound is reached has to leave.
_FREE_AGAIN = text("""
    SELECT max(created_at) FROM (
        SELECT created_at,
               sum(coalesce(prompt_tokens, 0) + coalesce(output_tokens, 0)) OVER later AS tokens,
               coalesce(sum(total_ms) OVER later, 0) / 1000 AS seconds
          FROM ai_runs
         WHERE organization_id = :organization_id AND created_at > :since AND kind <> 'embed'
        WINDOW later AS (ORDER BY created_at DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS kept
     WHERE tokens >= CAST(:tokens AS bigint) OR seconds >= CAST(:seconds AS float8)
""").bindparams(_SINCE)


@dataclass(frozen=True)
class Budget:
    """An organisation's bounds and what it has used of them.

    Attributes:
        spent_until: when something is left again; None while something is left, or where there are no bounds.
    """

    bounds: Bounds
    tokens: int
    seconds: float
    spent_until: datetime | None

    @property
    def tokens_left(self) -> int | None:
        """Return how many tokens are left, None without a bound."""
        return None if self.bounds.tokens is None else max(0, self.bounds.tokens - self.tokens)

    @property
    def seconds_left(self) -> float | None:
        """Return how many seconds are left, None without a bound."""
        return None if self.bounds.seconds is None else max(0.0, self.bounds.seconds - self.seconds)

    @property
    def why_spent(self) -> str:
        """Return in a sentence that nothing is left, empty while something is."""
        if self.spent_until is None:
            return ""
        return f"The budget of the text model is spent until {self.spent_until:%Y-%m-%d %H:%M} UTC."


def bounds_of(policy: BudgetPolicy, allowed: Bounds) -> Bounds:
    """Return the bounds of an organisation: its own, but no wider than what the operator allows each."""
    tokens = [bound for bound in (policy.tokens_a_day, allowed.tokens) if bound is not None]
    seconds = [bound for bound in (policy.seconds_a_day, allowed.seconds) if bound is not None]
    return Bounds(min(tokens, default=None), min(seconds, default=None))


async def read_budget(session: AsyncSession, *, organization_id: UUID, bounds: Bounds, now: datetime) -> Budget:
    """Return what an organisation has used in the last 24 hours, by the calls that are on record.

    Calls in flight are not on record yet, so a bound is overshot by as many as are made at the same moment.
    """
    window = {"organization_id": organization_id, "since": now - WINDOW}
    used = (await session.execute(_USED, window)).one()
    spent_until = None
    if _reached(used.tokens, bounds.tokens) or _reached(used.seconds, bounds.seconds):
        limits = {"tokens": bounds.tokens, "seconds": bounds.seconds}
        last: datetime | None = await session.scalar(_FREE_AGAIN, window | limits)
        # A bound of nothing at all is never free again.
        spent_until = (now if last is None or 0 in (bounds.tokens, bounds.seconds) else last) + WINDOW
    return Budget(bounds, used.tokens, used.seconds, spent_until)


def _reached(used: float, bound: float | None) -> bool:
    return bound is not None and used >= bound
