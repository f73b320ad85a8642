"""Do to a ticket what its policy wants when a clock reaches a level."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict
from helpdesk.events.record import record
from helpdesk.models.accounts import Team, TeamMember
from helpdesk.models.sla import Clock, Policy, PolicyVersion
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import ClockState, TicketPriority, TicketStatus, WebhookState
from helpdesk.models.webhooks import WebhookEndpoint
from helpdesk.notifications.webhooks.publishing import put_up, ticket_data
from helpdesk.queue.catalog import ApplySlaAction
from helpdesk.sla.clocks.announcing import BREACH_LEVEL, words_of
from helpdesk.sla.rules.actions import AddTag, CallWebhook, RaisePriority, Reassign, TicketAction, read_ticket_action
from helpdesk.tickets.assigning import Place, hand_over
from helpdesk.tickets.fields import set_for_policy
from helpdesk.tickets.lifecycle import is_settled
from helpdesk.tickets.requests import SYSTEM, TeamNotFound, UserNotFound
from helpdesk.tickets.rows import active_user, lock_ticket, team_by_slug

MOST_TAGS = 50
_RISING = list(TicketPriority)

# What is done at a level may give the clock other targets, under which it comes to the level again, and so on in a
# circle: of its kind it is done again only after a person has done something on the ticket. The very same order is
# carried out once in any case.
_DONE_BEFORE = text("""
    SELECT EXISTS (
        SELECT FROM ticket_events AS done
         WHERE done.organization_id = :organization_id AND done.ticket_id = :ticket_id
           AND done.kind IN ('ticket.assigned', 'ticket.priority_changed')
           AND done.data -> 'cause' ->> 'clock_id' = :clock_id AND (done.data -> 'cause' ->> 'level')::int = :level
           AND CASE WHEN (done.data -> 'cause' ->> 'target_version')::int = :target_version
                    THEN done.data -> 'cause' -> 'action' = CAST(CAST(:action AS text) AS jsonb)
                    ELSE done.data -> 'cause' -> 'action' ->> 'do' = :do AND NOT EXISTS (
                         SELECT FROM ticket_events AS since
                          WHERE since.organization_id = :organization_id AND since.ticket_id = :ticket_id
                            AND since.seq > done.seq AND since.actor_kind IN ('agent', 'customer')) END)
""")


class NoLongerApplies(Conflict):
    """There is nothing left to do."""


@dataclass(frozen=True)
class _Case:
    """An action on a locked ticket, and the clock that asks for it."""

    ticket: Ticket
    clock: Clock
    order: ApplySlaAction
    cause: Mapping[str, Any]
    now: datetime
    public_url: str | None

    @property
    def organization_id(self) -> UUID:
        """Return the organisation of the ticket."""
        return self.ticket.organization_id


async def escalate(
    session: AsyncSession, *, organization_id: UUID, order: ApplySlaAction, now: datetime, public_url: str | None = None
) -> str | None:
    """Apply an action to a ticket, under its lock and with its cause in the history.

    Args:
        public_url: where people reach the product, for links in what a webhook is told.

    Returns:
        None; or why the action no longer applies, which the history then tells instead.

    Raises:
        TicketNotFound: the ticket is gone.
        InvalidPolicy: the action cannot be read.
    """
    action = read_ticket_action(order.action)
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=order.ticket_id)
    clock = await session.scalar(
        select(Clock).where(
            Clock.organization_id == organization_id, Clock.id == order.clock_id, Clock.ticket_id == ticket.id
        )
    )
    if clock is None:
        raise NoLongerApplies("The clock is gone.")
    case = _Case(ticket, clock, order, await _cause(session, clock, order), now, public_url)
    try:
        await _apply(session, case, action)
    except (NoLongerApplies, UserNotFound, TeamNotFound) as skip:
        data = {"reason": skip.detail, "cause": case.cause}
        await record(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            kind="sla.action_skipped",
            now=now,
            data=data,
        )
        return skip.detail
    return None


async def _cause(session: AsyncSession, clock: Clock, order: ApplySlaAction) -> dict[str, Any]:
    """Return what the ticket's history tells of why something was done."""
    policy = await session.scalar(
        select(Policy.name)
        .join(PolicyVersion, PolicyVersion.policy_id == Policy.id)
        .where(Policy.organization_id == clock.organization_id, PolicyVersion.id == clock.policy_version_id)
    )
    return {
        "action": {name: value for name, value in order.action.items() if value is not None},
        "clock_id": str(clock.id),
        "metric": order.metric,
        "level": order.level,
        "target_version": order.target_version,
        "policy": policy,
    }


async def _apply(session: AsyncSession, case: _Case, action: TicketAction) -> None:
    if not (isinstance(action, CallWebhook) and case.order.level >= BREACH_LEVEL):
        # A breach has happened, whatever became of the ticket; all else is for a ticket that still waits.
        _check_standing(case)
    match action:
        case Reassign():
            await _reassign(session, case, action)
        case RaisePriority():
            await _raise_priority(session, case, action)
        case AddTag():
            await _tag(session, case, action)
        case CallWebhook():
            await _call(session, case, action)


def _check_standing(case: _Case) -> None:
    ticket, clock = case.ticket, case.clock
    if ticket.merged_into_id is not None:
        raise NoLongerApplies("The ticket was merged into another one.")
    if is_settled(TicketStatus(ticket.status)):
        raise NoLongerApplies(f"The ticket is {ticket.status}.")
    if clock.state in {ClockState.STOPPED, ClockState.CANCELLED}:
        raise NoLongerApplies(f"The clock has ended: {clock.outcome or clock.state}.")
    if clock.level < case.order.level:
        raise NoLongerApplies("The clock has another target by now and has not reached the level.")


async def _check_not_repeated(session: AsyncSession, case: _Case) -> None:
    values = {name: case.cause[name] for name in ("clock_id", "level", "target_version")}
    values |= {"organization_id": case.organization_id, "ticket_id": case.ticket.id}
    values |= {"action": json.dumps(case.cause["action"]), "do": case.cause["action"]["do"]}
    if await session.scalar(_DONE_BEFORE, values):
        raise NoLongerApplies("It was done at this level before.")


async def _reassign(session: AsyncSession, case: _Case, action: Reassign) -> None:
    to = await _successor(session, case, action)
    ticket = case.ticket
    if (to.get("assignee", ticket.assignee_id), to.get("team", ticket.team_id)) == (ticket.assignee_id, ticket.team_id):
        raise NoLongerApplies("They have the ticket already.")
    await _check_not_repeated(session, case)
    await hand_over(session, ticket=ticket, to=to, actor=SYSTEM, now=case.now, cause=case.cause)


async def _successor(session: AsyncSession, case: _Case, action: Reassign) -> dict[Place, UUID | None]:
    if action.user_id is not None:
        return {"assignee": (await _active(session, case, action.user_id))}
    if action.team is None:
        return {"assignee": await _lead(session, case)}
    team = await team_by_slug(session, organization_id=case.organization_id, slug=action.team)
    if case.ticket.assignee_id is None or team.id == case.ticket.team_id:
        return {"team": team.id}
    belongs = await session.scalar(
        select(TeamMember.user_id).where(
            TeamMember.organization_id == case.organization_id,
            TeamMember.team_id == team.id,
            TeamMember.user_id == case.ticket.assignee_id,
        )
    )
    # Whoever is not of the new team gives the ticket up: otherwise nobody there would take it.
    return {"team": team.id} if belongs else {"team": team.id, "assignee": None}


async def _lead(session: AsyncSession, case: _Case) -> UUID:
    if case.ticket.team_id is None:
        raise NoLongerApplies("The ticket has no team.")
    lead = await session.scalar(
        select(Team.lead_id).where(Team.organization_id == case.organization_id, Team.id == case.ticket.team_id)
    )
    if lead is None:
        raise NoLongerApplies("Nobody leads the ticket's team.")
    return await _active(session, case, lead)


async def _active(session: AsyncSession, case: _Case, user_id: UUID) -> UUID:
    try:
        return (await active_user(session, organization_id=case.organization_id, user_id=user_id)).id
    except UserNotFound as gone:
        raise NoLongerApplies("The user is gone or no longer active.") from gone


async def _raise_priority(session: AsyncSession, case: _Case, action: RaisePriority) -> None:
    current = _RISING.index(TicketPriority(case.ticket.priority))
    wanted = min(current + 1, len(_RISING) - 1) if action.to is None else _RISING.index(action.to)
    if wanted <= current:
        raise NoLongerApplies(f"The priority is {case.ticket.priority} already.")
    await _check_not_repeated(session, case)
    values = {"priority": _RISING[wanted]}
    await set_for_policy(session, ticket=case.ticket, values=values, cause=case.cause, now=case.now)


async def _tag(session: AsyncSession, case: _Case, action: AddTag) -> None:
    tags = case.ticket.tags
    if action.tag in tags:
        raise NoLongerApplies(f"The ticket has the tag {action.tag!r} already.")
    if len(tags) >= MOST_TAGS:
        raise NoLongerApplies(f"The ticket has {len(tags)} tags, which is as many as fit.")
    values = {"tags": sorted([*tags, action.tag])}
    await set_for_policy(session, ticket=case.ticket, values=values, cause=case.cause, now=case.now)


async def _call(session: AsyncSession, case: _Case, action: CallWebhook) -> None:
    endpoint = await session.scalar(
        select(WebhookEndpoint).where(
            WebhookEndpoint.organization_id == case.organization_id, WebhookEndpoint.id == action.endpoint_id
        )
    )
    if endpoint is None:
        raise NoLongerApplies("The webhook is gone.")
    if endpoint.state == WebhookState.PAUSED:
        raise NoLongerApplies("The webhook is paused.")
    order, ticket = case.order, case.ticket
    event, title, facts = words_of(case.clock, level=order.level, number=ticket.number, policy=case.cause["policy"])
    deliveries = await put_up(
        session,
        organization_id=case.organization_id,
        endpoint_ids=[endpoint.id],
        event=event,
        data={"title": title, "ticket": ticket_data(ticket), **facts},
        now=case.now,
        dedupe_key=f"{order.clock_id}:{order.target_version}:{order.level}",
        public_url=case.public_url,
    )
    if not deliveries:
        raise NoLongerApplies("The webhook is told of this already.")
    data = {"endpoint_id": str(endpoint.id), "delivery_id": str(deliveries[0].id), "cause": case.cause}
    await record(
        session,
        organization_id=case.organization_id,
        ticket_id=ticket.id,
        kind="sla.webhook_queued",
        now=case.now,
        data=data,
    )
