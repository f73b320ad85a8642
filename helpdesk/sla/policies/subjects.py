"""Read what policies look at: the facts of tickets, and the promise each is under."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

_FIELDS = "id, number, priority, type, channel, tags, custom, category_id, team_id, company_id, contact_id"
# What else is read hangs on the rows of a page of tickets.
_SUBJECTS = """
    WITH page AS MATERIALIZED ({page})
    SELECT page.id, page.number, page.priority, page.type, page.channel, page.tags, CAST(page.custom AS text) AS custom,
           category.slug AS category, team.slug AS team, company.name AS company, coalesce(contact.vip, false) AS vip,
           CASE WHEN last.kind = 'ticket.opened' THEN last.data ->> 'policy' ELSE last.data ->> 'to' END AS policy
      FROM page
      LEFT JOIN categories AS category ON category.id = page.category_id
      LEFT JOIN teams AS team ON team.id = page.team_id
      LEFT JOIN companies AS company ON company.id = page.company_id
      LEFT JOIN contacts AS contact ON contact.id = page.contact_id
      LEFT JOIN LATERAL (
           SELECT kind, data FROM ticket_events AS event
            WHERE event.ticket_id = page.id AND event.organization_id = :organization_id
              AND kind IN ('ticket.opened', 'sla.policy_changed')
            ORDER BY occurred_at DESC, seq DESC LIMIT 1) AS last ON true
     ORDER BY page.id
"""
_OPEN_ONES = f"""
        SELECT {_FIELDS}
          FROM tickets
         WHERE organization_id = :organization_id AND status NOT IN ('solved', 'closed')
           AND (CAST(:after AS uuid) IS NULL OR id > :after)
         ORDER BY id LIMIT :limit"""  # noqa: S608 (names of columns)
_THESE = f"""
        SELECT {_FIELDS}
          FROM tickets
         WHERE organization_id = :organization_id AND id = ANY (CAST(:ids AS uuid[]))"""  # noqa: S608 (names of columns)
_OPEN_TICKETS = text(_SUBJECTS.format(page=_OPEN_ONES))
_THESE_TICKETS = text(_SUBJECTS.format(page=_THESE))
_HOW_MANY = text("""
    SELECT count(*) FROM tickets
     WHERE organization_id = :organization_id AND status NOT IN ('solved', 'closed')
       AND (CAST(:after AS uuid) IS NULL OR id > :after)
""")


@dataclass(frozen=True)
class Subject:
    """A ticket as policies see it.

    Attributes:
        facts: by the names that conditions use.
        policy: key of the promise that its log says it is under.
    """

    id: UUID
    number: int
    facts: Mapping[str, Any]
    policy: str | None


async def open_subjects(
    session: AsyncSession, *, organization_id: UUID, after: UUID | None, limit: int
) -> list[Subject]:
    """Return the next open tickets after an id, in the order of ids."""
    values = {"organization_id": organization_id, "after": after, "limit": limit}
    return [_subject(row) for row in (await session.execute(_OPEN_TICKETS, values)).mappings()]


async def subjects_of(session: AsyncSession, *, organization_id: UUID, ticket_ids: Sequence[UUID]) -> list[Subject]:
    """Return some tickets, open or not, in the order of ids."""
    values = {"organization_id": organization_id, "ids": list(ticket_ids)}
    return [_subject(row) for row in (await session.execute(_THESE_TICKETS, values)).mappings()]


async def count_open(session: AsyncSession, *, organization_id: UUID, after: UUID | None = None) -> int:
    """Count the open tickets after an id."""
    values = {"organization_id": organization_id, "after": after}
    return int((await session.execute(_HOW_MANY, values)).scalar_one())


def _subject(row: RowMapping) -> Subject:
    named = ("priority", "type", "channel", "category", "team", "company", "vip")
    facts = {name: row[name] for name in named} | {"tags": row["tags"] or [], "custom": json.loads(row["custom"])}
    return Subject(row["id"], row["number"], facts, row["policy"])
