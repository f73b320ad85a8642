"""Replay the logs of tickets, and find the stored clocks that are not what the logs say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.models import sla as tables
from helpdesk.sla.clocks.ledger import Ledger, sort_ledgers
from helpdesk.sla.clocks.storing import Replayed, columns_of, replay, stored_clocks
from helpdesk.sla.proof.comparison import Columns, Difference, differences, missing
from helpdesk.sla.rules.clock import Clock, evaluate

Key: TypeAlias = tuple[str, int]


@dataclass
class Examined:
    """What was found.

    Attributes:
        clocks: how many stored ones were compared.
        failed: tickets whose log cannot be replayed, and why.
        replayed: what those say that can.
        differing: by ticket, and by the clock's metric and instance.
    """

    clocks: int = 0
    failed: dict[UUID, str] = field(default_factory=dict)
    replayed: dict[UUID, Replayed] = field(default_factory=dict)
    differing: dict[UUID, dict[Key, Difference]] = field(default_factory=dict)

    @property
    def differing_clocks(self) -> int:
        """Return how many clocks differ."""
        return sum(map(len, self.differing.values()))

    def sample(self) -> list[dict[str, Any]]:
        """Return the differences as JSON values."""
        return [
            {"ticket_id": str(ticket_id), "metric": metric, "instance": instance, "columns": _plain(difference)}
            for ticket_id, clocks in self.differing.items()
            for (metric, instance), difference in clocks.items()
        ]


async def examine(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Sequence[UUID], now: datetime
) -> Examined:
    """Compare the stored clocks of tickets with their logs.

    What the session sees must be of one instant: a snapshot, or rows of locked tickets.
    """
    ledgers, unreadable = await sort_ledgers(session, organization_id=organization_id, ticket_ids=ticket_ids)
    stored = await stored_clocks(session, organization_id=organization_id, ticket_ids=ticket_ids)
    found = Examined(failed={ticket_id: str(error) for ticket_id, error in unreadable.items()})
    for ticket_id in ticket_ids:
        if ticket_id in found.failed:
            continue
        rows = stored.get(ticket_id, [])
        if ticket_id not in ledgers:
            if rows:
                found.failed[ticket_id] = "The ticket has no log."
            continue
        try:
            found.replayed[ticket_id] = replay(ledgers[ticket_id], now=now)
            differing = await _differing(session, ledgers[ticket_id], found.replayed[ticket_id], rows)
        except Invalid as error:
            found.failed[ticket_id] = str(error)
            continue
        found.clocks += len(rows)
        if differing:
            found.differing[ticket_id] = differing
    return found


async def _differing(
    session: AsyncSession, ledger: Ledger, now: Replayed, rows: list[tables.Clock]
) -> dict[Key, Difference]:
    as_of = {at: _by_key(evaluate(ledger.events, ledger.policies, ledger.calendars, as_of=at)) for at in _times(rows)}
    expected = {key: await columns_of(session, clock) for key, clock in _by_key(now.clocks).items()}
    differing: dict[Key, Difference] = {}
    for row in rows:
        key = (row.metric, row.instance)
        then = as_of[row.updated_at].get(key)
        columns: Columns | None = await columns_of(session, then) if then is not None else None
        if found := differences(row, then=columns, now=expected.pop(key, None), at=now.as_of):
            differing[key] = found
    return differing | {key: missing(columns) for key, columns in expected.items()}


def _times(rows: list[tables.Clock]) -> set[datetime]:
    return {row.updated_at for row in rows}


def _by_key(clocks: list[Clock]) -> dict[Key, Clock]:
    return {(clock.metric, clock.instance): clock for clock in clocks}


def _plain(difference: Difference) -> dict[str, list[Any]]:
    return {name: [_value(stored), _value(replayed)] for name, (stored, replayed) in difference.items()}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
