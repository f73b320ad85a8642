"""Open, read, answer, move and assign tickets."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, ServicesOfApp, Transaction
from api.paging import PageOf, Paging
from api.preconditions import ExpectedVersion, check_version
from api.routes.ticket_reference import TicketId, about_ticket, actor_of
from api.routes.ticket_view import listed_ticket, opened_ticket_view, ticket_view
from api.schemas.findings import TicketView
from api.schemas.sla import ClockView, PredictionHistoryView
from api.schemas.tickets import (
    Assignment,
    FieldChanges,
    ListedTicket,
    MessageView,
    NewMessage,
    NewNote,
    NewTicketBody,
    StatusChange,
    TicketEventView,
)
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.replies.commands import note_reply
from helpdesk.sla.clocks.queries import clocks_of
from helpdesk.sla.prediction.queries import predictions_of
from helpdesk.sla.rules.risk import Risk
from helpdesk.tickets import commands, queries
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor, NewTicket, Requester
from helpdesk.tickets.rows import lock_ticket

router = APIRouter(prefix="/tickets", tags=["tickets"])


@router.post("", status_code=status.HTTP_201_CREATED, summary="Open a ticket")
async def open_ticket(
    *,
    new: NewTicketBody,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
    services: ServicesOfApp,
) -> TicketView:
    """Open a ticket; triage, suggestions, a draft and a breach prediction follow in the background."""
    given = new.model_dump(exclude={"requester"})
    ticket = await commands.open_ticket(
        session,
        organization_id=user.organization_id,
        new=NewTicket(requester=Requester(**new.requester.model_dump()) if new.requester else None, **given),
        actor=actor_of(user),
        now=now,
        settings=services.settings,
    )
    about_ticket(ticket.id)
    response.headers["Location"] = f"/api/v1/tickets/{ticket.id}"
    return await opened_ticket_view(session, response, organization_id=user.organization_id, ticket_id=ticket.id)


@router.get("", summary="List tickets", dependencies=[FROM_REPLICA])
async def list_tickets(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    status: Annotated[list[TicketStatus] | None, Query(description="Any of these.")] = None,
    priority: Annotated[list[TicketPriority] | None, Query(description="Any of these.")] = None,
    category: Annotated[str | None, Query(max_length=80, description="Slug.")] = None,
    team: Annotated[str | None, Query(max_length=80, description="Slug.")] = None,
    assignee: Annotated[UUID | None, Query(description="A user's id.")] = None,
    tag: Annotated[str | None, Query(max_length=200)] = None,
    q: Annotated[str | None, Query(max_length=200, description="Words of the subject.")] = None,
    risk: Annotated[list[Risk] | None, Query(description="With a clock in any of these bands.")] = None,
) -> PageOf[ListedTicket]:
    """Read tickets, the newest first, each with its clocks."""
    rows = await queries.list_tickets(
        session,
        organization_id=user.organization_id,
        wanted=queries.TicketFilter(
            statuses=status or (),
            priorities=priority or (),
            category=category,
            team=team,
            assignee_id=assignee,
            tag=tag,
            words=q,
            risks=risk or (),
        ),
        after=page.after_moment(),
        limit=page.look_ahead,
    )
    clocks = await clocks_of(session, organization_id=user.organization_id, ticket_ids=[row.id for row in rows])
    return page.of(rows, lambda row: listed_ticket(row, clocks.get(row.id, [])), lambda row: (row.created_at, row.id))


@router.get("/{ticket}", summary="Read a ticket")
async def read_ticket(ticket_id: TicketId, response: Response, session: ReadSession, user: CurrentUser) -> TicketView:
    """Read a ticket with its messages, clocks, triage, suggestions, draft and breach prediction."""
    return await ticket_view(session, response, organization_id=user.organization_id, ticket_id=ticket_id)


@router.patch("/{ticket}", summary="Set fields")
async def change_fields(
    *,
    changes: FieldChanges,
    ticket_id: TicketId,
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> TicketView:
    """Set fields by hand; triage leaves them alone from then on. `If-Match` guards against a change in between."""
    row = await lock_ticket(session, organization_id=user.organization_id, ticket_id=ticket_id)
    check_version(row.version, expected)
    await set_fields(
        session,
        organization_id=user.organization_id,
        ticket_id=ticket_id,
        changes=changes.changes(),
        actor=actor_of(user),
        now=now,
    )
    return await ticket_view(session, response, organization_id=user.organization_id, ticket_id=ticket_id)


@router.post("/{ticket}/messages", status_code=status.HTTP_201_CREATED, summary="Reply, or record the requester's")
async def add_message(
    *, new: NewMessage, ticket_id: TicketId, session: Transaction, user: CurrentUser, now: Now, services: ServicesOfApp
) -> MessageView:
    """Add a public message; a customer's wakes the ticket and has it looked at again."""
    message = await commands.reply(
        session,
        organization_id=user.organization_id,
        ticket_id=ticket_id,
        body=new.body,
        actor=Actor(AuthorKind.CUSTOMER) if new.by == "customer" else actor_of(user),
        now=now,
        settings=services.settings,
    )
    if new.by == "agent":
        await note_reply(session, organization_id=user.organization_id, message=message, actor=actor_of(user), now=now)
    return MessageView.model_validate(message)


@router.post("/{ticket}/notes", status_code=status.HTTP_201_CREATED, summary="Add a note")
async def add_note(new: NewNote, ticket_id: TicketId, session: Transaction, user: CurrentUser, now: Now) -> MessageView:
    """Add a note that only agents see."""
    message = await commands.note(
        session,
        organization_id=user.organization_id,
        ticket_id=ticket_id,
        body=new.body,
        actor=actor_of(user),
        now=now,
    )
    return MessageView.model_validate(message)


@router.post("/{ticket}/status", summary="Move a ticket")
async def change_status(
    *, change: StatusChange, ticket_id: TicketId, response: Response, session: Transaction, user: CurrentUser, now: Now
) -> TicketView:
    """Move a ticket to another status; solving it puts it and its resolution into the search index."""
    await commands.change_status(
        session,
        organization_id=user.organization_id,
        ticket_id=ticket_id,
        to=change.status,
        actor=actor_of(user),
        now=now,
        resolution=change.resolution,
    )
    return await ticket_view(session, response, organization_id=user.organization_id, ticket_id=ticket_id)


@router.post("/{ticket}/assign", summary="Assign a ticket")
async def assign(
    *,
    assignment: Assignment,
    ticket_id: TicketId,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> TicketView:
    """Give a ticket to a user, a team, both or nobody."""
    await commands.assign(
        session,
        organization_id=user.organization_id,
        ticket_id=ticket_id,
        changes=assignment.changes(),
        actor=actor_of(user),
        now=now,
    )
    return await ticket_view(session, response, organization_id=user.organization_id, ticket_id=ticket_id)


@router.get("/{ticket}/events", summary="Read a ticket's history", dependencies=[FROM_REPLICA])
async def list_events(
    ticket_id: TicketId,
    session: ReadSession,
    user: CurrentUser,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="`seq` of the last one seen.")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
) -> list[TicketEventView]:
    """Read what happened to a ticket, in order."""
    events = await queries.events_of(
        session, organization_id=user.organization_id, ticket_id=ticket_id, after_seq=after, limit=limit
    )
    return [TicketEventView.model_validate(event) for event in events]


@router.get("/{ticket}/sla", tags=["sla"], summary="Read a ticket's clocks")
async def read_clocks(ticket_id: TicketId, session: ReadSession, user: CurrentUser) -> list[ClockView]:
    """Read the clocks of a ticket as they are now."""
    clocks = await clocks_of(session, organization_id=user.organization_id, ticket_ids=[ticket_id])
    return [ClockView.model_validate(clock) for clock in clocks.get(ticket_id, [])]


@router.get("/{ticket}/sla/prediction", tags=["sla"], summary="Read how likely a ticket's clocks are to breach")
async def read_predictions(ticket_id: TicketId, session: ReadSession, user: CurrentUser) -> list[PredictionHistoryView]:
    """Read what was predicted for each clock of a ticket, now and before; ended clocks keep their history."""
    found = await predictions_of(session, organization_id=user.organization_id, ticket_id=ticket_id)
    return [PredictionHistoryView.model_validate(one) for one in found]
