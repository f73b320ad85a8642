"""Give a ticket to somebody else, and let them know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.events.overrides import note_edits, standing_of
from helpdesk.events.record import record
from helpdesk.models.tickets import Ticket, TicketEvent
from helpdesk.models.values import Audience, AuthorKind, NoticeKind
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.queue.enqueue import enqueue
from helpdesk.sla.clocks.commands import reconsider_policy, refresh_clocks
from helpdesk.tickets.requests import Actor

Place: TypeAlias = Literal["assignee", "team"]


async def hand_over(
    session: AsyncSession,
    *,
    ticket: Ticket,
    to: Mapping[Place, UUID | None],
    actor: Actor,
    now: datetime,
    cause: Mapping[str, Any] | None = None,
) -> bool:
    """Give a ticket that the caller has locked to a user, a team, both or nobody; return whether that changed anything.

    Args:
        to: ids, as far as they are to change.
        cause: what made the product do so, for the ticket's history.
    """
    before: dict[Place, UUID | None] = {"assignee": ticket.assignee_id, "team": ticket.team_id}
    after = before | dict(to)
    if "team" in to:
        ticket.decided_by = ticket.decided_by | {"team": actor.kind}
    if after == before:
        return False
    was = standing_of(ticket)
    ticket.assignee_id, ticket.team_id = after["assignee"], after["team"]
    ticket.version += 1
    ticket.updated_at = now
    data: dict[str, Any] = {name: str(value) if value else None for name, value in after.items()}
    # What it was tells how things stood at a time before, also where no earlier entry does.
    data["from"] = {name: str(value) if value else None for name, value in before.items()}
    event = await record(
        session,
        organization_id=ticket.organization_id,
        ticket_id=ticket.id,
        kind="ticket.assigned",
        now=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        data=data | ({"cause": dict(cause)} if cause else {}),
    )
    if actor.kind is AuthorKind.AGENT:
        await note_edits(session, ticket=ticket, was=was, user_id=actor.id, now=now)
    if after["team"] != before["team"]:
        await reconsider_policy(session, organization_id=ticket.organization_id, ticket=ticket, now=now)
    else:
        await refresh_clocks(session, organization_id=ticket.organization_id, ticket_id=ticket.id, now=now)
    if after["assignee"] is not None and after["assignee"] not in {before["assignee"], actor.id}:
        await _tell(session, ticket, event, Audience.ASSIGNEE, f"#{ticket.number} is now yours")
    elif cause and after["assignee"] is None:
        await _tell(session, ticket, event, Audience.TEAM, f"#{ticket.number} was passed on to your team")
    return True


async def _tell(session: AsyncSession, ticket: Ticket, event: TicketEvent, who: Audience, title: str) -> None:
    notice = DeliverNotification(
        kind=NoticeKind.TICKET_ASSIGNED,
        ticket_id=ticket.id,
        dedupe_key=str(event.id),
        title=title,
        who=(who,),
        actor_id=event.actor_id,
    )
    await enqueue(session, notice, organization_id=ticket.organization_id)
