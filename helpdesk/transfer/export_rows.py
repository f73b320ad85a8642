"""Read an organisation's tickets for an export, a few at a time and with all that belongs to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

# Tickets of a chunk, and the bytes of their messages: whichever is reached first ends it.
_MOST_TICKETS = 200
_MOST_BYTES = 8 * 1024 * 1024

_WANTED = """
       t.organization_id = :organization_id
   AND (CAST(:since AS timestamptz) IS NULL OR t.created_at >= :since)
   AND (CAST(:until AS timestamptz) IS NULL OR t.created_at < :until)
   AND (CAST(:statuses AS text[]) IS NULL OR t.status = ANY (CAST(:statuses AS text[])))
"""
_EXTENT = text(f"SELECT count(*) AS total, coalesce(max(t.number), 0) AS up_to FROM tickets t WHERE {_WANTED}")  # noqa: S608

# By number, from where the last chunk ended; the first ticket is taken however large it is.
_TICKETS = text(f"""
    WITH next AS MATERIALIZED (
        SELECT t.id, t.number,
               (SELECT coalesce(sum(octet_length(m.body)), 0) FROM messages m WHERE m.ticket_id = t.id) AS bytes
          FROM tickets t
         WHERE {_WANTED} AND t.number > :after AND t.number <= :up_to
         ORDER BY t.number LIMIT :most_tickets),
    chunk AS (SELECT id, sum(bytes) OVER (ORDER BY number) - bytes AS bytes_before FROM next)
    SELECT t.id, t.number, t.external_id, t.subject, t.status, t.priority, t.type, t.channel, category.slug AS category,
           team.slug AS team, assignee.email AS assignee_email, contact.email AS requester_email,
           contact.name AS requester_name, company.name AS company, t.tags, t.language, t.resolution, t.custom,
           t.created_at, t.first_public_reply_at, t.solved_at, t.updated_at, t.reopen_count
      FROM chunk
      JOIN tickets t ON t.id = chunk.id
      LEFT JOIN categories category ON category.id = t.category_id
      LEFT JOIN teams team ON team.id = t.team_id
      LEFT JOIN users assignee ON assignee.id = t.assignee_id
      LEFT JOIN contacts contact ON contact.id = t.contact_id
      LEFT JOIN companies company ON company.id = t.company_id
     WHERE chunk.bytes_before < :most_bytes OR chunk.bytes_before = 0
     ORDER BY t.number
""")  # noqa: S608
_MESSAGES = text("""
    SELECT m.ticket_id, m.created_at, m.author_kind, coalesce(u.email, c.email) AS author_email, m.visibility, m.body,
           m.source_id
      FROM messages m
      LEFT JOIN users u ON u.id = m.author_user_id
      LEFT JOIN contacts c ON c.id = m.author_contact_id
     WHERE m.organization_id = :organization_id AND m.ticket_id = ANY (:tickets)
     ORDER BY m.ticket_id, m.created_at, m.id
""")
_EVENTS = text("""
    SELECT e.ticket_id, e.occurred_at, e.kind, e.actor_kind, coalesce(u.email, c.email) AS actor_email, e.data
      FROM ticket_events e
      LEFT JOIN users u ON u.id = e.actor_id
      LEFT JOIN contacts c ON c.id = e.actor_id
     WHERE e.organization_id = :organization_id AND e.ticket_id = ANY (:tickets)
     ORDER BY e.ticket_id, e.occurred_at, e.seq
""")
_CLOCKS = text("""
    SELECT c.ticket_id, c.metric, c.instance, p.name AS policy, c.state, c.outcome, c.breached, c.start_at, c.target_s,
           c.due_at, c.elapsed_s, c.remaining_s, c.stopped_at, c.breached_at
      FROM sla_clocks c
      LEFT JOIN sla_policy_versions v ON v.id = c.policy_version_id
      LEFT JOIN sla_policies p ON p.id = v.policy_id
     WHERE c.organization_id = :organization_id AND c.ticket_id = ANY (:tickets)
     ORDER BY c.ticket_id, c.metric, c.instance
""")


@dataclass(frozen=True)
class Wanted:
    """Which tickets are exported; None and () leave a field open.

    Attributes:
        since, until: bounds of their creation, `until` is exclusive (UTC).
    """

    since: datetime | None = None
    until: datetime | None = None
    statuses: Sequence[str] = ()


@dataclass(frozen=True)
class Extent:
    """How much there is to export.

    Attributes:
        total: how many tickets.
        up_to: the highest number among them; later ones are left out, so that an export ends.
    """

    total: int
    up_to: int


@dataclass(frozen=True)
class TicketRecord:
    """A ticket with what was said on it, what happened to it and what its clocks say, each in its order."""

    ticket: Mapping[str, Any]
    messages: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    clocks: Sequence[Mapping[str, Any]]


async def read_extent(session: AsyncSession, *, organization_id: UUID, wanted: Wanted) -> Extent:
    """Count the wanted tickets."""
    found = (await session.execute(_EXTENT, _values(organization_id, wanted))).one()
    return Extent(found.total, found.up_to)


async def read_chunk(
    session: AsyncSession, *, organization_id: UUID, wanted: Wanted, after: int, up_to: int
) -> list[TicketRecord]:
    """Return the next tickets by number, none at the end: at most 200 of them, and about 8 MB of messages.

    Args:
        after: the number of the last ticket of the chunk before, 0 for the first chunk.
    """
    span = {"after": after, "up_to": up_to, "most_tickets": _MOST_TICKETS, "most_bytes": _MOST_BYTES}
    tickets = (await session.execute(_TICKETS, _values(organization_id, wanted) | span)).mappings().all()
    which = {"organization_id": organization_id, "tickets": [ticket["id"] for ticket in tickets]}
    messages = await _by_ticket(session, _MESSAGES, which)
    events = await _by_ticket(session, _EVENTS, which)
    clocks = await _by_ticket(session, _CLOCKS, which)
    return [
        TicketRecord(dict(ticket), messages[ticket["id"]], events[ticket["id"]], clocks[ticket["id"]])
        for ticket in tickets
    ]


def _values(organization_id: UUID, wanted: Wanted) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "since": wanted.since,
        "until": wanted.until,
        "statuses": list(wanted.statuses) or None,
    }


async def _by_ticket(
    session: AsyncSession, statement: TextClause, which: dict[str, Any]
) -> defaultdict[UUID, list[Mapping[str, Any]]]:
    found: defaultdict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for row in (await session.execute(statement, which)).mappings():
        found[row["ticket_id"]].append({name: value for name, value in row.items() if name != "ticket_id"})
    return found
